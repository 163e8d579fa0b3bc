//! What nobody can do without: the same bytes moved through loopback sockets, encrypted and
//! decrypted where the network does so, and hashed once where they arrive.
//!
//! Each hop is two threads and nothing else; the CPU time of each is counted apart, so that the
//! sides that stand in for the gateway and the orchestrator can be summed up.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use alloy_primitives::Keccak256;
use anyhow::{Context, anyhow};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

/// Bodies through each hop; the mean counts.
const BODIES: usize = 200;

/// What is read or written at once.
const PIECE: usize = 64 << 10;

/// CPU seconds for one body.
#[derive(Clone, Copy)]
struct Hop {
    sender: f64,
    receiver: f64,
}

/// CPU seconds of a gateway and an orchestrator for a segment whose source and renditions have so
/// many bytes.
pub(crate) fn per_segment(source: usize, renditions: usize) -> anyhow::Result<f64> {
    let plain = |bytes| hop(bytes, false);
    let sealed = |bytes| hop(bytes, true);
    // From the client, to the orchestrator, back, and to the client.
    let gateway = plain(source)?.receiver
        + sealed(source)?.sender
        + sealed(renditions)?.receiver
        + plain(renditions)?.sender;
    // From the gateway, to the transcoder, back, and to the gateway.
    let (down, up) = (sealed(source)?, sealed(renditions)?);
    Ok(gateway + down.receiver + down.sender + up.receiver + up.sender)
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
    Ok(Hop {
        sender: sending.join().map_err(ended)??,
        receiver: receiving.join().map_err(ended)??,
    })
}

/// CPU seconds of this thread for a body; the first one, which may bring a handshake, is not counted.
fn send(mut stream: impl Read + Write, bytes: usize) -> anyhow::Result<f64> {
    let body = vec![0x5a; bytes];
    let mut began = 0.0;
    for number in 0..=BODIES {
        if number == 1 {
            began = cpu_seconds()?;
        }
        for piece in body.chunks(PIECE) {
            stream.write_all(piece)?;
        }
        stream.flush()?;
    }
    let used = cpu_seconds()? - began;
    // What lies unread here would break the connection at its end: the other side closes first.
    let _ = stream.read_to_end(&mut Vec::new());
    Ok(used / BODIES as f64)
}

fn receive(mut stream: impl Read, bytes: usize) -> anyhow::Result<f64> {
    let mut piece = vec![0; PIECE];
    let mut began = 0.0;
    for number in 0..=BODIES {
        if number == 1 {
            began = cpu_seconds()?;
        }
        let (mut left, mut hash) = (bytes, Keccak256::new());
        while left > 0 {
            let wanted = left.min(PIECE);
            let read = stream.read(&mut piece[..wanted])?;
            anyhow::ensure!(read > 0, "the floor's sender stopped early");
            hash.update(&piece[..read]);
            left -= read;
        }
        std::hint::black_box(hash.finalize());
    }
    Ok((cpu_seconds()? - began) / BODIES as f64)
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
