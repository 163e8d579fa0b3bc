//! The two layers under a served connection: one at TCP that lets early answers reach clients
//! which are still sending, one above TLS that notes when bytes move.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::ServerLimits;

/// How long, and for how many bytes, the rest of an upload is thrown away after an early answer.
/// Closing with unread bytes would make the kernel send a reset, and a reset makes the client's
/// kernel forget the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// A TCP stream that, when shut down, takes in what the client still sends for a moment.
#[derive(Debug)]
pub(super) struct Lingering {
    stream: TcpStream,
    closing: Option<Closing>,
}

#[derive(Debug)]
struct Closing {
    until: Pin<Box<Sleep>>,
    thrown_away: usize,
}

impl Lingering {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            closing: None,
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let closing = this.closing.get_or_insert_with(|| Closing {
            until: Box::pin(tokio::time::sleep(LINGER)),
            thrown_away: 0,
        });
        let mut scratch = [0u8; 8 * 1024];
        loop {
            if closing.until.as_mut().poll(cx).is_ready() || closing.thrown_away > LINGER_BYTES {
                return Poll::Ready(Ok(()));
            }
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => closing.thrown_away += buf.filled().len(),
                // The client closed, or is gone: nothing is left to wait for.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// What a connection has done lately. Times are milliseconds since it was made; 0 is "never".
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    last_move_ms: AtomicU64,
    /// First byte since the last request ended, while none is in flight: headers are coming.
    headers_since_ms: AtomicU64,
    /// Since when the client takes nothing.
    blocked_since_ms: AtomicU64,
    in_flight: AtomicUsize,
    http2: AtomicBool,
    any_byte: AtomicBool,
}

/// What to do about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// No request for too long: say goodbye.
    Idle,
    /// Headers that do not end, or an answer nobody takes: close.
    Stalled,
}

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            last_move_ms: AtomicU64::new(0),
            headers_since_ms: AtomicU64::new(0),
            blocked_since_ms: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            http2: AtomicBool::new(false),
            any_byte: AtomicBool::new(false),
        })
    }

    pub(super) fn request_begins(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.headers_since_ms.store(0, Ordering::Relaxed);
    }

    pub(super) fn request_ends(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.last_move_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    pub(super) fn judge(&self, limits: &ServerLimits) -> Verdict {
        let (age, ms) = (self.age_ms(), |duration: Duration| {
            duration.as_millis() as u64
        });
        let blocked = self.blocked_since_ms.load(Ordering::Relaxed);
        if blocked > 0 && age.saturating_sub(blocked) > ms(limits.write_timeout) {
            return Verdict::Stalled;
        }
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return Verdict::Fine;
        }
        let since = self.headers_since_ms.load(Ordering::Relaxed);
        let waiting = match since {
            _ if !self.any_byte.load(Ordering::Relaxed) => age,
            0 => 0,
            since => age.saturating_sub(since),
        };
        if waiting > ms(limits.header_timeout) {
            return Verdict::Stalled;
        }
        let still = age.saturating_sub(self.last_move_ms.load(Ordering::Relaxed));
        if still > ms(limits.idle_timeout) {
            Verdict::Idle
        } else {
            Verdict::Fine
        }
    }

    fn bytes_came(&self, bytes: &[u8]) {
        let now = self.age_ms().max(1);
        self.last_move_ms.store(now, Ordering::Relaxed);
        if !self.any_byte.swap(true, Ordering::Relaxed) && bytes.starts_with(b"PRI") {
            // On HTTP/2 bytes between requests need not be headers; its own limits bound those.
            self.http2.store(true, Ordering::Relaxed);
        }
        if !self.http2.load(Ordering::Relaxed) && self.in_flight.load(Ordering::Relaxed) == 0 {
            set_if_never(&self.headers_since_ms, now);
        }
    }

    /// Notes what came of a write.
    fn wrote<T>(&self, outcome: &Poll<io::Result<T>>) {
        let now = self.age_ms().max(1);
        if outcome.is_ready() {
            self.last_move_ms.store(now, Ordering::Relaxed);
            self.blocked_since_ms.store(0, Ordering::Relaxed);
        } else {
            set_if_never(&self.blocked_since_ms, now);
        }
    }

    fn age_ms(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }
}

fn set_if_never(time_ms: &AtomicU64, now: u64) {
    // Failing means that it was set already, which is as good.
    let _ = time_ms.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
}

/// A stream that reports to a pulse.
#[derive(Debug)]
pub(super) struct Observed<S> {
    pub(super) stream: S,
    pub(super) pulse: Arc<Pulse>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if let Some(fresh) = buf.filled().get(before..)
            && !fresh.is_empty()
        {
            self.pulse.bytes_came(fresh);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.pulse.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.pulse.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        // A flush of nothing says nothing about the client, a blocked one does.
        if outcome.is_pending() {
            self.pulse.wrote(&outcome);
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
