//! A worker that does what its segment's text says, for tests: this test program, started again.

#![allow(clippy::unwrap_used, reason = "a test program")]

use std::io::Write;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use streamflow_engine::card::{Card, Scene};
use streamflow_engine::protocol::{
    Channel, DeviceFacts, DeviceRefusal, DeviceReport, FromWorker, Hello, JobSpec, Layer,
    PROTOCOL_VERSION, SealedMemory, StageTimes, ToWorker,
};
use streamflow_media::mpegts::Ticks;
use streamflow_types::TranscodeFailure;

pub(crate) const ASKED: &str = "STREAMFLOW_FAKE_WORKER";

#[derive(Default)]
struct Signals {
    cancelled: AtomicBool,
    tokens: AtomicU32,
}

struct Job {
    number: u32,
    spec: JobSpec,
    source: String,
}

/// Speaks the protocol until its standard input closes.
pub(crate) fn work() {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let channel = Arc::new(Channel::new(stdin));
    if std::env::var(ASKED).unwrap() == "mute" {
        std::thread::sleep(Duration::from_secs(60));
    }
    let hello = FromWorker::Hello(Box::new(Hello {
        protocol: PROTOCOL_VERSION,
        version: "test".to_owned(),
        ffmpeg: "5.1.0".to_owned(),
        active: Layer::ALL.to_vec(),
        missing: Vec::new(),
        capabilities: vec![0, 1],
        device: card(),
    }));
    channel.send(&hello.encode(0).unwrap(), None).unwrap();
    let signals = Arc::new(Signals::default());
    let (jobs, queue) = mpsc::sync_channel(1);
    let (listening, heard) = (channel.clone(), signals.clone());
    std::thread::spawn(move || {
        listen(&listening, &heard, &jobs);
        std::process::exit(0);
    });
    while let Ok(job) = queue.recv() {
        if card().is_none() {
            serve(&channel, &signals, job);
            continue;
        }
        let (channel, signals) = (channel.clone(), signals.clone());
        std::thread::spawn(move || serve(&channel, &signals, job));
    }
}

/// What kind of card the worker says it has: `encodes`, `decodes` or `broken`. It stands for what
/// the node hears from a worker, not for a driver.
pub(crate) const CARD: &str = "STREAMFLOW_FAKE_CARD";

fn card() -> Option<DeviceReport> {
    std::env::var_os("CUDA_VISIBLE_DEVICES")?;
    let kind = std::env::var(CARD).unwrap();
    let refusal = |code: &str| DeviceRefusal {
        code: code.to_owned(),
        reason: "as told".to_owned(),
    };
    if kind == "broken" {
        return Some(DeviceReport::Unusable(refusal("driver")));
    }
    let encodes = kind == "encodes";
    Some(DeviceReport::Usable(DeviceFacts {
        name: "fake".to_owned(),
        uuid: "GPU-fake".to_owned(),
        cuda: "0.0".to_owned(),
        capability: "0.0".to_owned(),
        memory_bytes: 8 << 30,
        free_bytes: 8 << 30,
        encoders: match encodes {
            true => vec!["h264_nvenc".to_owned()],
            false => Vec::new(),
        },
        no_encoder: (!encodes).then(|| refusal("encoder")),
        encoder_limit: encodes.then_some(4),
    }))
}

fn listen(channel: &Channel, signals: &Signals, jobs: &mpsc::SyncSender<Job>) {
    while let Ok(received) = channel.receive() {
        match ToWorker::decode(received.header.kind, &received.body).unwrap() {
            ToWorker::Ping(nonce) => {
                let pong = FromWorker::Pong(nonce).encode(0).unwrap();
                channel.send(&pong, None).unwrap();
            }
            ToWorker::Cancel => signals.cancelled.store(true, Ordering::SeqCst),
            ToWorker::Tokens(count) => signals.tokens.store(count, Ordering::SeqCst),
            ToWorker::SessionEnd(_) => {}
            ToWorker::Job(spec) => {
                signals.cancelled.store(false, Ordering::SeqCst);
                signals.tokens.store(spec.threads, Ordering::SeqCst);
                let source = received.memory.unwrap().read(1 << 20).unwrap();
                jobs.send(Job {
                    number: received.header.job,
                    spec: *spec,
                    source: String::from_utf8(source.to_vec()).unwrap(),
                })
                .unwrap();
            }
        }
    }
}

fn serve(channel: &Channel, signals: &Signals, job: Job) {
    let say = |message: FromWorker, memory: Option<&SealedMemory>| {
        channel
            .send(&message.encode(job.number).unwrap(), memory)
            .unwrap();
    };
    let place = card().map_or("", |_| "card ");
    let mut payload = format!("{place}{}:{}", job.spec.session, job.source);
    let (order, argument) = job.source.split_once(' ').unwrap_or((&job.source, ""));
    match order {
        "sleep" => {
            let mut left: u64 = argument.parse().unwrap();
            while left > 0 {
                if signals.cancelled.load(Ordering::SeqCst) {
                    return say(FromWorker::Failed(TranscodeFailure::Stopped), None);
                }
                std::thread::sleep(Duration::from_millis(left.min(5)));
                left = left.saturating_sub(5);
            }
        }
        "crash" => std::process::exit(9),
        "crash-once" if std::fs::File::create_new(argument).is_ok() => std::process::exit(9),
        "stop-once" if std::fs::File::create_new(argument).is_ok() => {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::STOP).unwrap();
            // The signal takes any thread first; this one must not finish meanwhile.
            std::thread::sleep(Duration::from_millis(200));
        }
        "garbage" => {
            std::io::stdout().flush().unwrap();
            let raw = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
            rustix::io::write(&raw, &[0xa5; 64]).unwrap();
            std::thread::sleep(Duration::from_secs(60));
        }
        "deaf" => std::thread::sleep(Duration::from_secs(60)),
        "fail-on-card" if card().is_some() => {
            return say(
                FromWorker::Failed(TranscodeFailure::from_text(argument)),
                None,
            );
        }
        "crash-on-card" if card().is_some() => std::process::exit(9),
        "burn" => loop {
            std::hint::spin_loop();
        },
        "fail" => {
            return say(
                FromWorker::Failed(TranscodeFailure::from_text(argument)),
                None,
            );
        }
        "unfinished" => return say(FromWorker::Done(StageTimes::default()), None),
        "pid" => payload = format!("{place}{}", std::process::id()),
        "tokens" => {
            let wanted: u32 = argument.parse().unwrap();
            while signals.tokens.load(Ordering::SeqCst) != wanted {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        _ => {}
    }
    say(
        FromWorker::Decoded {
            frames: 60,
            pixels: 600,
        },
        None,
    );
    for index in 0..job.spec.work.profiles.len() as u32 {
        let memory = SealedMemory::seal(&rendition(&format!("{payload}#{index}"))).unwrap();
        say(FromWorker::Rendition { index, pixels: 600 }, Some(&memory));
    }
    say(FromWorker::Done(StageTimes::default()), None);
}

/// Three pictures of 20×10, and behind them what a test wants to read.
fn rendition(payload: &str) -> Vec<u8> {
    let card = Card::new(20, 10, Scene::Black).unwrap();
    let mut bytes = card
        .segment(Ticks::ZERO, (NonZeroU32::MIN, NonZeroU32::MIN), 3)
        .to_vec();
    bytes.extend_from_slice(payload.as_bytes());
    bytes
}
