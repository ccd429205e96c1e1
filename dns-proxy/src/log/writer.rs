//! A thread that writes lines, so that no other thread waits for whoever reads them.

use super::entry::{Entry, LogFormat};
use crate::clock::Clock;
use core::time::Duration;
use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Bytes of lines that wait for the writer. Lines beyond are dropped and counted.
const MAX_WAITING: usize = 4 << 20;
/// How long lines are gathered, so that one system call writes many.
const GATHER: Duration = Duration::from_millis(2);
/// How long the writer rests after an error.
const REST: Duration = Duration::from_millis(100);

/// The lines that wait, and the thread that writes them.
#[derive(Debug)]
pub(super) struct Writer(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// The thread has something to do.
    filled: Condvar,
    /// The thread has nothing to do.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines that were dropped since that was last told.
    dropped: usize,
    /// Whether the thread sleeps until it is woken.
    sleeps: bool,
}

impl Writer {
    pub(super) fn start(format: LogFormat) -> io::Result<Self> {
        // A file of its own: nobody who prints at the end of the process waits for a lock that the thread holds.
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let queue = Arc::new(Queue::default());
        let of_thread = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.run(out, format))?;
        Ok(Self(queue))
    }

    /// Appends `line`, or counts it where too much waits.
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

    /// Waits until every line is written, at most for `limit`.
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
        let (mut lines, mut is_torn) = (Vec::new(), false);
        loop {
            lines.clear();
            let mut dropped = self.next(&mut lines);
            if dropped > 0 {
                let entry = Entry { lines: dropped, ..Entry::new("lines-dropped", clock.now()) };
                let detail = format!("{dropped} lines were dropped: they are not read or cannot be written");
                lines.extend(entry.detail(detail).line(format));
            }
            if is_torn {
                lines.insert(0, b'\n');
            }
            let written = write_all(&mut out, &lines);
            if let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
                let ends = rest.iter().filter(|byte| **byte == b'\n').count();
                // Neither the line about dropped lines nor the end of a torn one is one of them.
                let own = usize::from(dropped > 0) + usize::from(is_torn && written == 0);
                dropped += ends.saturating_sub(own);
                is_torn = written > 0 && lines.get(written - 1) != Some(&b'\n');
                self.lock().dropped += dropped;
                thread::sleep(REST);
            } else {
                is_torn = false;
            }
        }
    }

    /// Waits for lines, moves them to `lines`, and returns how many were dropped behind them.
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

/// How many of `bytes` were written; fewer than all where it failed.
fn write_all(out: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => break,
            Ok(length) => written += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Somebody made it a file that does not block: that is waited for as any other.
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

    /// A file whose writes wait for the test, which says how many bytes it takes; none fails.
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

    fn told(bytes: &[u8]) -> usize {
        let line: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(line["event"], "lines-dropped");
        line["lines"].as_u64().unwrap().try_into().unwrap()
    }

    #[test]
    fn lines_beyond_the_limit_are_counted_while_nobody_reads() {
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
        assert_eq!(told(&rest[MAX_WAITING / 2 * 2..]), 3);
        writer.flush(Duration::from_secs(60));
        assert!(writer.0.lock().lines.is_empty());
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_a_torn_line_is_ended() {
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
        assert_eq!(told(rest.strip_prefix(b"\nthree\n").unwrap()), 2);
    }
}
