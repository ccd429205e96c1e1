//! The log: one line for each event, as text or as JSON.

mod entry;
mod writer;

pub(crate) use self::entry::LogEntry;
pub use self::entry::LogFormat;

use self::writer::Writer;
use core::time::Duration;
use std::io;

/// Writes lines to standard output. No caller waits for the reader of the log.
#[derive(Debug)]
pub struct Log {
    format: LogFormat,
    writer: Writer,
}

impl Log {
    /// Opens a log in this format on standard output.
    ///
    /// # Errors
    ///
    /// Standard output is unusable, or the thread that writes does not start.
    pub fn new(format: LogFormat) -> io::Result<Self> {
        Ok(Self { format, writer: Writer::start(format)? })
    }

    pub(crate) fn write(&self, entry: &LogEntry<'_>) {
        self.writer.write(&entry.line(self.format));
    }

    /// Waits until every line is written, but not longer than `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        self.writer.flush(limit);
    }
}
