//! A control API that remembers what it was asked, in the test process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A server of a few fixed answers.
pub(crate) struct FakeNode {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeNode {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::default());
        let heard: Arc<Mutex<Vec<String>>> = Arc::clone(&asked);
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut first = String::new();
                reader.read_line(&mut first).unwrap();
                let (mut length, mut line) = (0, String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let asked = first.trim_end().trim_end_matches(" HTTP/1.1");
                let body = String::from_utf8(body).unwrap();
                heard
                    .lock()
                    .unwrap()
                    .push(format!("{asked} {body}").trim_end().to_owned());
                let (status, answer) = answer(asked);
                let answer = answer.to_string();
                let text = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                reader.get_mut().write_all(text.as_bytes()).unwrap();
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(asked: &str) -> (u16, Value) {
    match asked {
        "GET /api/v1/status" => (200, status()),
        "GET /api/v1/streams" => (200, json!([stream()])),
        "GET /api/v1/workers" => {
            let message = "this node offers no workers";
            (
                501,
                json!({"error": {"code": "not-offered", "message": message, "hint": "h", "retryable": false}}),
            )
        }
        "POST /api/v1/streams/a%2Fb/stop" => (200, json!({"action": "stop-stream"})),
        "POST /api/v1/orchestrators/block" => (200, json!({"action": "block-orchestrator"})),
        "GET /odd" => (200, json!("odd")),
        _ => (
            404,
            json!({"error": {"code": "not-found", "message": "m", "hint": "", "retryable": false}}),
        ),
    }
}

fn status() -> Value {
    json!({
        "version": "1.2.3", "network": "offchain", "started_at": "2026-11-23T00:00:00.000Z",
        "uptime_s": 61, "ready": false,
        "reasons": [{"code": "no-orchestrators", "message": "name one with --orch"}],
        "role": "gateway",
        "addresses": [{"name": "rtmp", "url": "rtmp://127.0.0.1:1935/live"}],
        "sessions": {"active": 1, "max": 10},
        "segments": {"in_flight": 1, "succeeded": 5, "failed": 2},
        "pixels": "123", "orchestrators": 0, "workers": null,
    })
}

fn stream() -> Value {
    json!({
        "id": "demo", "started_at": "2026-11-23T00:00:00.000Z", "ingest": "rtmp",
        "resolution": "1280x720", "fps": 30.0, "profiles": ["480p", "360p"], "path": "network",
        "orchestrator": "https://o:8935", "swaps": 1,
        "segments": {"in_flight": 1, "succeeded": 5, "failed": 0}, "success_rate": 1.0,
        "latency_p50_ms": 400, "latency_p95_ms": null, "playback_url": null,
    })
}
