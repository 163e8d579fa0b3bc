//! Records what FFmpeg sends, byte for byte, for the tests of the RTMP machine:
//!
//! ```sh
//! cargo run -p streamflow-ingest --example record_ffmpeg crates/pure/rtmp/tests/recorded
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a tool for one who watches it"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use streamflow_rtmp::{Action, Connection, Input, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

const TIMEOUTS: Timeouts = Timeouts {
    publish_within: Duration::from_secs(10),
    idle: Duration::from_secs(20),
};

/// Small pictures with some detail, so that frames take many chunks, and sound.
const FILM: &[&str] = &[
    "-f",
    "lavfi",
    "-i",
    "mandelbrot=size=96x54:rate=15",
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440:sample_rate=22050",
    "-t",
    "3",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-g",
    "15",
    "-c:a",
    "aac",
];

/// Everything one publisher sends until it leaves.
async fn record(more: &[&str]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtmp://{}/live/mani/key", listener.local_addr().unwrap());
    let recording = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut connection = Connection::new(Instant::now(), TIMEOUTS);
        let (mut recorded, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            recorded.extend_from_slice(&buffer[..count]);
            connection.handle(Instant::now(), Input::Received(&buffer[..count]));
            while let Some(action) = connection.poll() {
                match action {
                    Action::Send(bytes) => {
                        // It may have left already.
                        let _ = stream.write_all(&bytes).await;
                    }
                    Action::Publish(_) => connection.handle(Instant::now(), Input::Accepted),
                    _ => {}
                }
            }
        }
        recorded
    });
    let arguments = [FILM, &["-b:a", "32k", "-pix_fmt", "yuv420p"], more].concat();
    let publishing = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(arguments)
        .args(["-f", "flv", &url])
        .status();
    assert!(publishing.await.unwrap().success(), "ffmpeg publishes");
    recording.await.unwrap()
}

#[tokio::main]
async fn main() {
    let folder = std::env::args_os().nth(1).expect("the folder to write to");
    for (name, more) in [
        ("ffmpeg", &[][..]),
        // Past the 24 bits of a plain time: 2²⁴ ms are 16,777.2 s.
        ("ffmpeg-late", &["-output_ts_offset", "16776"]),
    ] {
        let file = Path::new(&folder).join(format!("{name}.rtmp"));
        std::fs::write(file, record(more).await).unwrap();
    }
}
