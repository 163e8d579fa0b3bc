//! A running door, a gate to order and a client that sees every byte.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use streamflow_ingest::push::{Client, Door, Left, Limits};
use streamflow_ingest::{PushAnswer, PushError, PushGate, PushRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(crate) type Answer = Result<PushAnswer, PushError>;

/// Answers every push alike, once it may.
pub(crate) struct Gate {
    pub(crate) answer: Answer,
    pub(crate) begun: Mutex<Vec<PushRequest>>,
    pub(crate) finished: Mutex<Vec<u64>>,
    pub(crate) left: Mutex<Vec<(u64, Left)>>,
    /// One permit for each push that may be answered.
    pub(crate) may_answer: Semaphore,
}

#[async_trait]
impl PushGate for Gate {
    async fn push(&self, request: PushRequest) -> Answer {
        let number = request.number.0;
        self.begun.lock().unwrap().push(request);
        self.may_answer.acquire().await.unwrap().forget();
        self.finished.lock().unwrap().push(number);
        self.answer.clone()
    }

    fn client_left(&self, client: &Client, when: Left) {
        self.left.lock().unwrap().push((client.number.0, when));
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) gate: Arc<Gate>,
    pub(crate) door: Door,
}

impl Server {
    /// Answers at once.
    pub(crate) async fn answering(answer: Answer) -> Self {
        Self::new(answer, Semaphore::MAX_PERMITS, Limits::default()).await
    }

    pub(crate) async fn new(answer: Answer, permits: usize, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Gate {
            answer,
            begun: Mutex::default(),
            finished: Mutex::default(),
            left: Mutex::default(),
            may_answer: Semaphore::new(permits),
        });
        let door = Door::new(gate.clone(), limits);
        let service = door
            .router()
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self {
            address,
            gate,
            door,
        }
    }

    /// Sends these bytes and reads to the end.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Reply::parse(&bytes)
    }

    /// A request of HTTP/1.1 with `Host: example.com`.
    pub(crate) async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = format!("{line} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.exchange(request.as_bytes()).await
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a whole head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: HashMap<_, _> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut body = bytes[end + 4..].to_vec();
        if headers
            .get("transfer-encoding")
            .is_some_and(|coding| coding == "chunked")
        {
            body = joined(&body);
        }
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The content of a chunked body, which must be complete.
fn joined(mut chunked: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunked
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a chunk length");
        let length = std::str::from_utf8(&chunked[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let rest = &chunked[end + 2..];
        body.extend(&rest[..length]);
        assert_eq!(&rest[length..length + 2], b"\r\n");
        chunked = &rest[length + 2..];
        if length == 0 {
            assert!(chunked.is_empty());
            return body;
        }
    }
}
