//! A thread that writes log lines, fed by a bounded queue: whoever logs never waits for the
//! terminal or the pipe behind it. Lines that do not fit are dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Lines waiting to be written; a burst at start fits, a blocked pipe costs a few megabytes.
const QUEUE_LINES: usize = 4_096;

/// How long the last lines may take at the end of the process.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

enum Message {
    Line(Vec<u8>),
    End,
}

/// The way to the writer thread.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    lines: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Ends the thread when dropped, after what waits has been written or the limit is over.
#[derive(Debug)]
pub(super) struct Flush {
    lines: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread.
pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Queue, Flush)> {
    let (lines, waiting) = sync_channel(QUEUE_LINES);
    let thread = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(out, &waiting))?;
    let flush = Flush {
        lines: lines.clone(),
        thread: Some(thread),
    };
    Ok((
        Queue {
            lines,
            dropped: Arc::default(),
        },
        flush,
    ))
}

fn write_all(mut out: impl Write, waiting: &Receiver<Message>) {
    while let Ok(Message::Line(line)) = waiting.recv() {
        // Nobody is left to tell that standard error is gone.
        let _ = out.write_all(&line);
    }
    let _ = out.flush();
}

impl Drop for Flush {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        let deadline = Instant::now() + FLUSH_LIMIT;
        // A blocked pipe must not hold the process: try until the limit, then leave the thread.
        while self.lines.try_send(Message::End).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            queue: self,
            bytes: Vec::new(),
        }
    }
}

/// One event, sent off as a whole when dropped.
pub(super) struct Line<'a> {
    queue: &'a Queue,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = Message::Line(std::mem::take(&mut self.bytes));
        if self.queue.lines.try_send(line).is_err() {
            self.queue.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing in until the lock is free.
    struct Blocked(Arc<std::sync::Mutex<()>>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _free = self.0.lock().unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_blocked_output_costs_lines_not_time() {
        let gate = Arc::new(std::sync::Mutex::new(()));
        let held = gate.lock().unwrap();
        let (queue, flush) = start(Blocked(gate.clone())).unwrap();
        let started = Instant::now();
        for _ in 0..QUEUE_LINES + 10 {
            queue.make_writer().write_all(b"line\n").unwrap();
        }
        assert!(queue.dropped() >= 9, "{}", queue.dropped());
        assert!(started.elapsed() < Duration::from_secs(1));
        drop(held);
        drop(flush);
    }
}
