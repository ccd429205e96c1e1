//! The thread that writes the log, so that no other thread waits for the reader of the log.

use super::entry::{LogEntry, LogFormat};
use crate::clock::Clock;
use core::time::Duration;
use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// The limit of waiting lines in bytes. The log drops and counts further lines.
const MAX_WAITING: usize = 4 << 20;
/// The time for which lines are collected, so that one system call writes many.
const GATHER: Duration = Duration::from_millis(2);
/// The pause of the writer after an error.
const REST: Duration = Duration::from_millis(100);

/// The waiting lines, and the thread that writes them.
#[derive(Debug)]
pub(super) struct Writer(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Signals new lines to the thread.
    filled: Condvar,
    /// Signals that all lines are written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// The number of lines that were dropped since the last report.
    dropped: usize,
    /// Whether the thread waits for a signal.
    sleeps: bool,
}

impl Writer {
    pub(super) fn start(format: LogFormat) -> io::Result<Self> {
        // A separate file, so that output at the end of the process does not wait for the thread's lock on stdout.
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let queue = Arc::new(Queue::default());
        let of_thread = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.run(out, format))?;
        Ok(Self(queue))
    }

    /// Appends `line`, or drops and counts it if too many bytes wait.
    pub(super) fn write(&self, line: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.lines.len() + line.len() > MAX_WAITING {
            waiting.dropped += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        if waiting.sleeps {
            waiting.sleeps = false;
            self.0.filled.notify_one();
        }
    }

    /// Waits until every line is written, but not longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let is_busy = |waiting: &mut Waiting| !(waiting.sleeps && waiting.lines.is_empty());
        drop(self.0.emptied.wait_timeout_while(self.0.lock(), limit, is_busy));
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut out: impl Write, format: LogFormat) {
        let clock = Clock::new();
        let (mut lines, mut is_truncated) = (Vec::new(), false);
        loop {
            lines.clear();
            let mut dropped = self.next(&mut lines);
            if dropped > 0 {
                let entry = LogEntry { lines: dropped, ..LogEntry::new("lines-dropped", clock.now()) };
                let detail =
                    format!("{dropped} lines were dropped: the log has a slow reader or is not writable");
                lines.extend(entry.detail(detail).line(format));
            }
            if is_truncated {
                lines.insert(0, b'\n');
            }
            let written = write_all(&mut out, &lines);
            if let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
                let ends = rest.iter().filter(|byte| **byte == b'\n').count();
                // The count excludes the report about dropped lines and the line break after a truncated line.
                let own = usize::from(dropped > 0) + usize::from(is_truncated && written == 0);
                dropped += ends.saturating_sub(own);
                is_truncated = written > 0 && lines.get(written - 1) != Some(&b'\n');
                self.lock().dropped += dropped;
                thread::sleep(REST);
            } else {
                is_truncated = false;
            }
        }
    }

    /// Waits for lines, moves them to `lines`, and returns the number of dropped lines.
    fn next(&self, lines: &mut Vec<u8>) -> usize {
        let mut waiting = self.lock();
        if waiting.lines.is_empty() {
            waiting.sleeps = true;
            self.emptied.notify_all();
            let is_idle = |waiting: &mut Waiting| waiting.lines.is_empty();
            waiting = self.filled.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner);
            waiting.sleeps = false;
            drop(waiting);
            thread::sleep(GATHER);
            waiting = self.lock();
        }
        core::mem::swap(&mut waiting.lines, lines);
        core::mem::take(&mut waiting.dropped)
    }
}

/// Returns the number of written bytes, which is less than all after an error.
fn write_all(out: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => break,
            Ok(length) => written += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process can make the file non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(REST),
            Err(_) => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// A file whose writes wait for a number of bytes from the test; `None` is an error.
    struct Gate {
        budget: Receiver<Option<usize>>,
        written: SyncSender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let Some(most) = self.budget.recv().map_err(io::Error::other)? else {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            };
            let length = most.min(bytes.len());
            self.written.send(bytes[..length].to_vec()).map_err(io::Error::other)?;
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer() -> (Writer, SyncSender<Option<usize>>, Receiver<Vec<u8>>) {
        let (allow, budget) = sync_channel(8);
        let (written, found) = sync_channel(8);
        let queue = Arc::new(Queue::default());
        let of_thread = Arc::clone(&queue);
        thread::spawn(move || of_thread.run(Gate { budget, written }, LogFormat::Json));
        (Writer(queue), allow, found)
    }

    fn dropped_lines(bytes: &[u8]) -> usize {
        let line: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(line["event"], "lines-dropped");
        line["lines"].as_u64().unwrap().try_into().unwrap()
    }

    #[test]
    fn line_beyond_limit_is_dropped_and_counted() {
        let (writer, allow, found) = writer();
        writer.write(b"first\n");
        // The writer has the first line, and waits.
        while !writer.0.lock().lines.is_empty() {
            thread::yield_now();
        }
        let line = vec![b'x'; MAX_WAITING / 2];
        (0..5).for_each(|_| writer.write(&line));
        writer.flush(Duration::ZERO);
        allow.send(Some(usize::MAX)).unwrap();
        assert_eq!(found.recv().unwrap(), b"first\n");
        allow.send(Some(usize::MAX)).unwrap();
        let rest = found.recv().unwrap();
        assert_eq!(dropped_lines(&rest[MAX_WAITING / 2 * 2..]), 3);
        writer.flush(Duration::from_secs(60));
        assert!(writer.0.lock().lines.is_empty());
    }

    #[test]
    fn unwritable_line_is_counted_and_truncated_line_is_ended() {
        let (writer, allow, found) = writer();
        writer.write(b"one\ntwo\n");
        allow.send(Some(2)).unwrap();
        allow.send(None).unwrap();
        assert_eq!(found.recv().unwrap(), b"on");
        while writer.0.lock().dropped == 0 {
            thread::yield_now();
        }
        writer.write(b"three\n");
        allow.send(Some(usize::MAX)).unwrap();
        let rest = found.recv().unwrap();
        assert_eq!(dropped_lines(rest.strip_prefix(b"\nthree\n").unwrap()), 2);
    }
}
