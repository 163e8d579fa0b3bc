//! What nobody can do without: the same bytes moved through loopback sockets, encrypted and
//! decrypted where the network does so, and hashed once where they arrive.
//!
//! Each hop is two threads and nothing else; the CPU time of each is counted apart, so that the
//! sides that stand in for the gateway and the orchestrator can be summed up. The time that each
//! hop takes alone is measured too: a body that is passed on only when it is whole waits for all.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use alloy_primitives::Keccak256;
use anyhow::{Context, anyhow};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

/// Bodies through each hop; the mean counts.
const BODIES: usize = 200;

/// Bodies through each hop of which the next one starts only when the last one is confirmed.
const ALONE: usize = 100;

/// What a segment costs at least.
#[derive(Clone, Copy)]
pub(crate) struct Floor {
    /// CPU seconds of a gateway and an orchestrator.
    pub(crate) cpu: f64,
    /// Seconds from the client's first byte to its last, hop after hop, nothing else running.
    pub(crate) latency: f64,
}

/// What is read or written at once.
const PIECE: usize = 64 << 10;

/// Seconds for one body: of CPU on each side, and from its first byte to the confirmation.
#[derive(Clone, Copy)]
struct Hop {
    sender: f64,
    receiver: f64,
    latency: f64,
}

/// The floor of a segment whose source and renditions have so many bytes.
pub(crate) fn per_segment(source: usize, renditions: usize) -> anyhow::Result<Floor> {
    let plain = |bytes| hop(bytes, false);
    let sealed = |bytes| hop(bytes, true);
    // From the client, to the orchestrator, to the transcoder; back, back, and to the client.
    let [a, b, c] = [plain(source)?, sealed(source)?, sealed(source)?];
    let [d, e, f] = [sealed(renditions)?, sealed(renditions)?, plain(renditions)?];
    let gateway = a.receiver + b.sender + e.receiver + f.sender;
    let orchestrator = b.receiver + c.sender + d.receiver + e.sender;
    Ok(Floor {
        cpu: gateway + orchestrator,
        latency: [a, b, c, d, e, f].iter().map(|hop| hop.latency).sum(),
    })
}

fn hop(bytes: usize, encrypted: bool) -> anyhow::Result<Hop> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    let (receiver, _) = listener.accept()?;
    let (sending, receiving) = if encrypted {
        let (client, server) = tls()?;
        (
            thread::spawn(move || send(StreamOwned::new(client, sender), bytes)),
            thread::spawn(move || receive(StreamOwned::new(server, receiver), bytes)),
        )
    } else {
        (
            thread::spawn(move || send(sender, bytes)),
            thread::spawn(move || receive(receiver, bytes)),
        )
    };
    let ended = |_| anyhow!("a thread of the floor panicked");
    let (sender, latency) = sending.join().map_err(ended)??;
    Ok(Hop {
        sender,
        receiver: receiving.join().map_err(ended)??,
        latency,
    })
}

/// CPU seconds of this thread for a body, of which the first one, which may bring a handshake, is
/// not counted; and seconds until a body that is sent alone is confirmed.
fn send(mut stream: impl Read + Write, bytes: usize) -> anyhow::Result<(f64, f64)> {
    let body = vec![0x5a; bytes];
    let one = |stream: &mut dyn Write| {
        for piece in body.chunks(PIECE) {
            stream.write_all(piece)?;
        }
        stream.flush()
    };
    one(&mut stream)?;
    let began = cpu_seconds()?;
    for _ in 0..BODIES {
        one(&mut stream)?;
    }
    let used = cpu_seconds()? - began;
    // The first confirmation is of all that went before.
    stream.read_exact(&mut [0])?;
    let began = Instant::now();
    for _ in 0..ALONE {
        one(&mut stream)?;
        stream.read_exact(&mut [0])?;
    }
    let took = began.elapsed().as_secs_f64();
    // What lies unread here would break the connection at its end: the other side closes first.
    let _ = stream.read_to_end(&mut Vec::new());
    Ok((used / BODIES as f64, took / ALONE as f64))
}

/// CPU seconds of this thread for a body.
fn receive(mut stream: impl Read + Write, bytes: usize) -> anyhow::Result<f64> {
    let mut piece = vec![0; PIECE];
    let mut one = |stream: &mut dyn Read| {
        let (mut left, mut hash) = (bytes, Keccak256::new());
        while left > 0 {
            let wanted = left.min(PIECE);
            let read = stream.read(&mut piece[..wanted])?;
            anyhow::ensure!(read > 0, "the floor's sender stopped early");
            hash.update(&piece[..read]);
            left -= read;
        }
        std::hint::black_box(hash.finalize());
        Ok(())
    };
    one(&mut stream)?;
    let began = cpu_seconds()?;
    for _ in 0..BODIES {
        one(&mut stream)?;
    }
    let used = (cpu_seconds()? - began) / BODIES as f64;
    for number in 0..=ALONE {
        if number > 0 {
            one(&mut stream)?;
        }
        stream.write_all(&[0])?;
        stream.flush()?;
    }
    Ok(used)
}

/// What this thread has used; the kernel counts it in nanoseconds.
fn cpu_seconds() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().context("schedstat")?;
    Ok(nanoseconds.parse::<f64>()? / 1e9)
}

fn tls() -> anyhow::Result<(ClientConnection, ServerConnection)> {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = own.signing_key.serialize_der();
    let key = key.try_into().map_err(|error| anyhow!("key: {error}"))?;
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone())?;
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)?;
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost")?;
    Ok((
        ClientConnection::new(Arc::new(client), name)?,
        ServerConnection::new(Arc::new(server))?,
    ))
}
