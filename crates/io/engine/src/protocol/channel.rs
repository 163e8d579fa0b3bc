//! Frames over a Unix stream socket with a memory file beside some of them: a blocking end for
//! the worker, an asynchronous one for the node.
//!
//! Each frame is read alone, first its header, then its body, so a descriptor that arrives
//! belongs to the frame being read. Both readers hold at most one frame of bounded length.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::frame::{FrameError, HEADER_BYTES, Header};
use super::memory::{MemoryError, SealedMemory};
use super::message::MessageError;

/// Descriptors taken in one read. One belongs to a frame; a peer that sends more is broken, and
/// the system closes what does not fit.
const MAX_DESCRIPTORS: usize = 4;

/// How long the node waits for room in the socket. A worker reads at once when it is alive.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// Why nothing more is said over a channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The other side closed it: it ended.
    #[error("the other side is gone")]
    Closed,
    /// The socket failed.
    #[error("socket: {0}")]
    Socket(#[from] io::Error),
    /// A header that cannot be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A body that cannot be.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A memory file that cannot be.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A frame without the memory file it needs, or with one it must not have.
    #[error("{0} memory files beside a {1:?} frame")]
    Descriptors(usize, super::frame::Kind),
    /// The other side does not read.
    #[error("the other side took nothing for {0:?}")]
    Stuck(Duration),
}

/// A frame as it arrived.
#[derive(Debug)]
pub struct Received {
    /// Kind, job and length.
    pub header: Header,
    /// Its body.
    pub body: Vec<u8>,
    /// What came beside it; present exactly for the kinds that carry memory.
    pub memory: Option<SealedMemory>,
}

/// The worker's end.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

impl Channel {
    /// Over this socket.
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// Waits for the next frame.
    pub fn receive(&self) -> Result<Received, ChannelError> {
        let mut partial = Partial::default();
        loop {
            match partial.read(self.socket.as_fd()) {
                Ok(Some(received)) => return Ok(received),
                Ok(None) => {}
                Err(ChannelError::Socket(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a frame and what belongs beside it. Callers send whole frames one after another.
    pub fn send(&self, frame: &[u8], memory: Option<&SealedMemory>) -> Result<(), ChannelError> {
        let mut outgoing = Outgoing { frame, memory };
        while !outgoing.frame.is_empty() {
            match outgoing.write(self.socket.as_fd()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The node's end.
#[derive(Debug)]
pub struct AsyncChannel {
    socket: UnixStream,
    partial: Partial,
}

impl AsyncChannel {
    /// Both ends of a new socket: the node's, and what becomes the worker's standard input.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let channel = Self {
            socket: UnixStream::from_std(ours)?,
            partial: Partial::default(),
        };
        Ok((channel, theirs.into()))
    }

    /// Waits for the next frame. Dropping the future loses nothing: what has arrived stays.
    pub async fn receive(&mut self) -> Result<Received, ChannelError> {
        loop {
            let (socket, partial) = (&self.socket, &mut self.partial);
            let step = socket
                .async_io(Interest::READABLE, || match partial.read(socket.as_fd()) {
                    Err(ChannelError::Socket(error)) => Err(error),
                    other => Ok(other),
                })
                .await?;
            if let Some(received) = step? {
                return Ok(received);
            }
        }
    }

    /// Sends a frame and what belongs beside it. When this fails or its future is dropped, the
    /// channel is of no use any more.
    pub async fn send(
        &self,
        frame: &[u8],
        memory: Option<&SealedMemory>,
    ) -> Result<(), ChannelError> {
        let mut outgoing = Outgoing { frame, memory };
        let all = async {
            while !outgoing.frame.is_empty() {
                self.socket
                    .async_io(Interest::WRITABLE, || outgoing.write(self.socket.as_fd()))
                    .await?;
            }
            Ok(())
        };
        match tokio::time::timeout(SEND_LIMIT, all).await {
            Ok(sent) => sent,
            Err(_) => Err(ChannelError::Stuck(SEND_LIMIT)),
        }
    }
}

/// What is left to send. The memory file goes with the first byte.
struct Outgoing<'a> {
    frame: &'a [u8],
    memory: Option<&'a SealedMemory>,
}

impl Outgoing<'_> {
    fn write(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<BorrowedFd<'_>> = self.memory.iter().map(|m| m.as_fd()).collect();
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let parts = [IoSlice::new(self.frame)];
        let sent = sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL)?;
        self.memory = None;
        self.frame = self.frame.get(sent..).unwrap_or_default();
        Ok(())
    }
}

/// A frame that is still arriving.
#[derive(Debug, Default)]
struct Partial {
    head: [u8; HEADER_BYTES],
    head_length: usize,
    body: Option<(Header, Vec<u8>, usize)>,
    descriptors: Vec<OwnedFd>,
}

impl Partial {
    /// One read; the frame when that completed it.
    fn read(&mut self, socket: BorrowedFd<'_>) -> Result<Option<Received>, ChannelError> {
        let missing = match &mut self.body {
            None => self.head.get_mut(self.head_length..),
            Some((_, body, filled)) => body.get_mut(*filled..),
        };
        let missing = missing.unwrap_or_default();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let read = recvmsg(
            socket,
            &mut [IoSliceMut::new(missing)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
        .map_err(io::Error::from)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if read.flags.contains(ReturnFlags::CTRUNC) || self.descriptors.len() > MAX_DESCRIPTORS {
            return Err(io::Error::other("more descriptors than a frame carries").into());
        }
        if read.bytes == 0 {
            return Err(ChannelError::Closed);
        }
        self.advance(read.bytes)
    }

    fn advance(&mut self, bytes: usize) -> Result<Option<Received>, ChannelError> {
        match &mut self.body {
            None => {
                self.head_length = self.head_length.saturating_add(bytes);
                if self.head_length < HEADER_BYTES {
                    return Ok(None);
                }
                let header = Header::parse(&self.head)?;
                self.head_length = 0;
                if header.length > 0 {
                    self.body = Some((header, vec![0; header.length], 0));
                    return Ok(None);
                }
                self.finish(header, Vec::new()).map(Some)
            }
            Some((header, body, filled)) => {
                *filled = filled.saturating_add(bytes);
                if *filled < header.length {
                    return Ok(None);
                }
                let (header, body) = (*header, std::mem::take(body));
                self.body = None;
                self.finish(header, body).map(Some)
            }
        }
    }

    fn finish(&mut self, header: Header, body: Vec<u8>) -> Result<Received, ChannelError> {
        let mut descriptors = std::mem::take(&mut self.descriptors);
        let wanted = usize::from(header.kind.carries_memory());
        if descriptors.len() != wanted {
            return Err(ChannelError::Descriptors(descriptors.len(), header.kind));
        }
        let memory = descriptors.pop().map(SealedMemory::accept).transpose()?;
        Ok(Received {
            header,
            body,
            memory,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Kind;
    use super::super::message::{FromWorker, ToWorker};
    use super::*;

    #[tokio::test]
    async fn frames_and_memory_arrive_in_both_directions() {
        let (mut node, worker) = AsyncChannel::pair().unwrap();
        let worker = Channel::new(worker);
        let echo = std::thread::spawn(move || {
            let received = worker.receive().unwrap();
            assert_eq!(received.header.kind, Kind::Ping);
            let memory = SealedMemory::seal(b"rendition").unwrap();
            let frame = FromWorker::Rendition {
                index: 0,
                pixels: 2,
            };
            worker
                .send(&FromWorker::Pong(5).encode(0).unwrap(), None)
                .unwrap();
            worker
                .send(&frame.encode(1).unwrap(), Some(&memory))
                .unwrap();
            worker
                .send(&FromWorker::Pong(6).encode(0).unwrap(), None)
                .unwrap();
        });
        node.send(&ToWorker::Ping(5).encode(0).unwrap(), None)
            .await
            .unwrap();
        assert!(node.receive().await.unwrap().memory.is_none());
        let rendition = node.receive().await.unwrap();
        assert_eq!(rendition.memory.unwrap().read(100).unwrap(), "rendition");
        assert!(node.receive().await.unwrap().memory.is_none());
        assert!(matches!(node.receive().await, Err(ChannelError::Closed)));
        echo.join().unwrap();
    }

    #[tokio::test]
    async fn a_dropped_read_loses_nothing() {
        let (mut node, worker) = AsyncChannel::pair().unwrap();
        let frame = FromWorker::Pong(77).encode(3).unwrap();
        for byte in &frame {
            rustix::io::write(&worker, &[*byte]).unwrap();
            if let Ok(received) =
                tokio::time::timeout(Duration::from_millis(2), node.receive()).await
            {
                let received = received.unwrap();
                let message = FromWorker::decode(received.header.kind, &received.body).unwrap();
                assert_eq!((received.header.job, message), (3, FromWorker::Pong(77)));
                return;
            }
        }
        panic!("the frame never completed");
    }

    #[tokio::test]
    async fn a_rendition_without_memory_and_a_pong_with_it_are_errors() {
        let (mut node, worker) = AsyncChannel::pair().unwrap();
        let worker = Channel::new(worker);
        let memory = SealedMemory::seal(b"x").unwrap();
        worker
            .send(&FromWorker::Pong(1).encode(0).unwrap(), Some(&memory))
            .unwrap();
        assert!(matches!(
            node.receive().await,
            Err(ChannelError::Descriptors(1, Kind::Ping))
        ));
        let signature = FromWorker::Signature { index: 0 };
        worker.send(&signature.encode(0).unwrap(), None).unwrap();
        assert!(matches!(
            node.receive().await,
            Err(ChannelError::Descriptors(0, Kind::Signature))
        ));
    }

    #[tokio::test]
    async fn a_reader_that_stopped_does_not_hold_the_node() {
        tokio::time::pause();
        let (node, _worker) = AsyncChannel::pair().unwrap();
        let frame = vec![0; 8 << 20];
        assert!(matches!(
            node.send(&frame, None).await,
            Err(ChannelError::Stuck(_))
        ));
    }
}
