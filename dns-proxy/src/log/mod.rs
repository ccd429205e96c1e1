//! The log: one line for each event, as text or as JSON.

mod entry;
mod writer;

pub(crate) use self::entry::Entry;
pub use self::entry::LogFormat;
use self::writer::Writer;
use core::time::Duration;
use std::io;

/// Writes lines to standard output. No caller waits for its reader.
#[derive(Debug)]
pub struct Log {
    format: LogFormat,
    writer: Writer,
}

impl Log {
    /// A log of this format, on standard output.
    ///
    /// # Errors
    ///
    /// Standard output cannot be used, or the thread that writes cannot be started.
    pub fn new(format: LogFormat) -> io::Result<Self> {
        Ok(Self { format, writer: Writer::start(format)? })
    }

    pub(crate) fn write(&self, entry: &Entry<'_>) {
        self.writer.write(&entry.line(self.format));
    }

    /// Waits until every line is written, at most for `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        self.writer.flush(limit);
    }
}
