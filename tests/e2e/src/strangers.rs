//! Strangers at the doors: a peer that speaks to an orchestrator directly, and clients of the RTMP
//! port that are none.

use std::time::Duration;

use anyhow::Context;
use streamflow_rpc::{Clients, PeerPolicy};
use streamflow_wire::capability::{Capabilities, default_set};
use streamflow_wire::info::InfoRequest;
use streamflow_wire::proto::OrchestratorInfo;
use streamflow_wire::proto::orchestrator_client::OrchestratorClient;
use streamflow_wire::result::SegmentAnswer;
use streamflow_wire::segment::{
    BYTES_CONTENT_TYPE, PAYMENT_HEADER, SEGMENT_HEADER, SegmentRequest,
};
use streamflow_wire::signature::keccak;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// A peer of an orchestrator, with a session of its own.
pub struct Peer {
    clients: Clients,
    url: Url,
    offer: OrchestratorInfo,
    next: i64,
}

impl Peer {
    /// Asks an orchestrator for a session.
    pub async fn new(orchestrator: &str) -> anyhow::Result<Self> {
        let url = Url::parse(orchestrator)?;
        let clients = Clients::new(&PeerPolicy::AnyCertificate)?;
        let asked = InfoRequest {
            gateway: Default::default(),
            signature: Vec::new(),
            capabilities: None,
            ignore_capacity_check: false,
        };
        let mut client = OrchestratorClient::new(clients.grpc(&url)?);
        let offer = client.get_orchestrator(asked.to_proto()).await?;
        Ok(Self {
            offer: offer.into_inner(),
            clients,
            url,
            next: 0,
        })
    }

    /// Sends a segment as a gateway does, and says in a line what came back.
    pub async fn segment(&mut self, bytes: &[u8]) -> anyhow::Result<String> {
        let request = SegmentRequest {
            manifest: b"stranger".to_vec(),
            seq: self.next,
            hash: keccak(bytes),
            duration: Duration::from_secs(2),
            profiles: vec![streamflow_types::Profile::preset("P144p30fps16x9")?],
            capabilities: Capabilities::of_job(default_set()),
            auth_token: self.offer.auth_token.clone(),
            signature: Vec::new(),
            perceptual_hash: false,
            slice: None,
            storage: None,
            force_session_reinit: false,
        };
        self.next += 1;
        let post = self
            .clients
            .segments()
            .post(self.url.join("/segment")?)
            .header("Content-Type", BYTES_CONTENT_TYPE)
            .header(SEGMENT_HEADER, request.to_header())
            .header(PAYMENT_HEADER, "")
            .body(bytes.to_vec());
        let answer = post.send().await.context("no answer")?;
        let status = answer.status();
        let body = answer.bytes().await.context("half an answer")?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            return Ok(format!("status {status}: {}", text.trim()));
        }
        Ok(match SegmentAnswer::decode(&body)?.outcome {
            Ok(made) => format!("renditions: {}", made.renditions.len()),
            Err(failure) => format!("failure: {failure}"),
        })
    }
}

/// Comes to the RTMP port with things that are no RTMP; gives what was not turned away in time.
pub async fn knock(publish: &str, limit: Duration) -> Vec<String> {
    let each = knocks().into_iter().map(|(name, bytes)| async move {
        match timeout(limit, turned_away(publish, &bytes)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("rtmp {name}: {error:#}")),
            Err(_) => Some(format!("rtmp {name}: still connected after {limit:?}")),
        }
    });
    let wrong = futures_util::future::join_all(each).await;
    wrong.into_iter().flatten().collect()
}

fn knocks() -> Vec<(&'static str, Vec<u8>)> {
    // Version 3 and a handshake that says nothing.
    let mut handshake = vec![3u8];
    handshake.extend_from_slice(&[0; 1536 * 2]);
    let after = |bytes: &[u8]| [handshake.clone(), bytes.to_vec()].concat();
    let http = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n".to_vec();
    vec![
        ("silence", Vec::new()),
        ("http", http),
        (
            "tls",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".repeat(200),
        ),
        ("other-version", vec![6; 4000]),
        ("half-a-handshake", handshake[..900].to_vec()),
        (
            "endless-message",
            after(&[0x03, 0, 0, 0, 0xff, 0xff, 0xff, 0x14, 0, 0, 0, 0]),
        ),
        ("unknown-chunk", after(&[0xc3; 4096])),
        ("noise", after(&[0xa5; 100_000])),
        ("nested-objects", after(&nested())),
        (
            "zero-chunks",
            after(&[0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
    ]
}

/// A command whose argument is an object in an object in an object.
fn nested() -> Vec<u8> {
    let mut body = vec![2, 0, 7];
    body.extend_from_slice(b"connect");
    body.extend_from_slice(&[0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
    for _ in 0..20_000 {
        body.extend_from_slice(&[3, 0, 1, b'a']);
    }
    let length = body.len() as u32;
    let mut bytes = vec![0x03, 0, 0, 0];
    bytes.extend_from_slice(&length.to_be_bytes()[1..]);
    bytes.extend_from_slice(&[0x14, 0, 0, 0, 0]);
    for (place, chunk) in body.chunks(128).enumerate() {
        if place > 0 {
            bytes.push(0xc3);
        }
        bytes.extend_from_slice(chunk);
    }
    bytes
}

/// Sends bytes and waits until the server closes.
async fn turned_away(publish: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let url = Url::parse(publish)?;
    let host = url.host_str().context("a host")?;
    let port = url.port().unwrap_or(1935);
    let mut socket = TcpStream::connect((host, port)).await?;
    // The server may close before it has read everything.
    let _ = socket.write_all(bytes).await;
    let mut answer = [0; 4096];
    while let Ok(read) = socket.read(&mut answer).await {
        if read == 0 {
            break;
        }
    }
    Ok(())
}
