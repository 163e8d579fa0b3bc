//! The worker's day: a greeting, then one segment after another, or several side by side where they
//! share a graphics card. One thread listens, so that a cancel, a change of tokens or a ping is
//! heard while others transcode.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use streamflow_engine::protocol::{
    Channel, ChannelError, DeviceReport, DeviceUse, FromWorker, Hello, JobSpec, PROTOCOL_VERSION,
    SealedMemory, StageTimes, ToWorker,
};
use streamflow_ffmpeg::{Card, Control, Probe, Product, Settings, transcode};
use streamflow_types::{Capability, MAX_SEGMENT_BYTES, TranscodeFailure};

use crate::card::Tried;
use crate::sandbox::Sandbox;

/// Jobs between the listener and the worker. The node sends the next one after the last is
/// answered.
const JOBS: usize = 1;

/// Threads a job is ever allowed, whatever the node says.
const MAX_THREADS: u32 = 64;

struct Job {
    number: u32,
    spec: JobSpec,
    source: SealedMemory,
    control: Control,
}

/// The socket, shared: frames are sent whole under the lock.
#[derive(Clone)]
struct Line {
    channel: Arc<Channel>,
    sending: Arc<Mutex<()>>,
}

/// What the listener steers: the jobs in hand, one but on a card.
type InHand = Arc<Mutex<HashMap<u32, Control>>>;

/// Works until the node closes the socket.
pub(crate) fn serve(sandbox: Sandbox, probe: &Probe, tried: Option<Tried>) -> anyhow::Result<()> {
    let socket = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("standard input is not the node's socket")?;
    let line = Line {
        channel: Arc::new(Channel::new(socket)),
        sending: Arc::default(),
    };
    let (card, report) = match tried {
        Some(Tried { card, report }) => (card, Some(report)),
        None => (None, None),
    };
    let is_useless = card.is_none() && report.is_some();
    line.send(0, &hello(sandbox, probe, report), None)?;
    if is_useless {
        // The node has heard why.
        return Ok(());
    }
    let (jobs, queue) = mpsc::sync_channel(JOBS);
    let in_hand = InHand::default();
    let (listening, steered, shared) = (line.clone(), in_hand.clone(), card.clone());
    std::thread::Builder::new()
        .name("listen".to_owned())
        .spawn(move || listen(&listening, &steered, shared.as_ref(), &jobs))
        .context("no thread to listen")?;
    match card {
        Some(_) => work_side_by_side(&line, &in_hand, &queue),
        None => work(&line, &in_hand, &queue),
    }
}

fn work(line: &Line, in_hand: &InHand, queue: &Receiver<Job>) -> anyhow::Result<()> {
    // The listener ends when the node is gone, and drops its end.
    while let Ok(job) = queue.recv() {
        let number = job.number;
        let answered = answer(line, job);
        lock(in_hand).remove(&number);
        answered?;
    }
    Ok(())
}

/// Each job on a thread of its own. One that cannot be answered ends the process: what it left on
/// the card is nobody's guess.
fn work_side_by_side(line: &Line, in_hand: &InHand, queue: &Receiver<Job>) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        while let Ok(job) = queue.recv() {
            std::thread::Builder::new()
                .name("job".to_owned())
                .spawn_scoped(scope, move || {
                    let _ends = EndOnPanic;
                    let number = job.number;
                    let answered = answer(line, job);
                    lock(in_hand).remove(&number);
                    if let Err(error) = answered {
                        eprintln!("streamflow-worker: {error:#}");
                        std::process::exit(1);
                    }
                })
                .context("no thread for a job")?;
        }
        Ok(())
    })
}

/// A job that panics would leave its sender waiting.
struct EndOnPanic;

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::exit(1);
        }
    }
}

fn answer(line: &Line, job: Job) -> anyhow::Result<()> {
    let started = Instant::now();
    match run(&job) {
        // What came out may be short, and what went wrong may be for want of memory; neither is
        // the segment's fault. Ending here gives it to a fresh worker.
        _ if !has_memory() => anyhow::bail!("no memory is left to judge a segment by"),
        Err(failure @ TranscodeFailure::Unrecoverable) => anyhow::bail!("{failure}"),
        Ok(product) => {
            let device = job.control.card.is_some().then_some(DeviceUse {
                frames: product.frames_on_card,
                free_bytes: product.card_free_bytes,
            });
            deliver(line, job.number, product, device, started)?;
        }
        Err(failure) => line.send(job.number, &FromWorker::Failed(failure), None)?,
    }
    Ok(())
}

/// Whether memory can still be had from the system.
fn has_memory() -> bool {
    /// A few large pictures, and more than the allocator serves from what it kept.
    const ASKED_BYTES: usize = 64 << 20;
    Vec::<u8>::new().try_reserve_exact(ASKED_BYTES).is_ok()
}

fn run(job: &Job) -> Result<Product, TranscodeFailure> {
    let source = job
        .source
        .read(MAX_SEGMENT_BYTES)
        .map_err(|_| TranscodeFailure::InvalidInput)?;
    let settings = Settings {
        preset: job.spec.preset.clone(),
        sound_alone: job.spec.had_pictures,
        ..Settings::default()
    };
    transcode(&source, &job.spec.work, &settings, &job.control)
}

fn deliver(
    line: &Line,
    number: u32,
    product: Product,
    device: Option<DeviceUse>,
    started: Instant,
) -> Result<(), ChannelError> {
    let decoded = FromWorker::Decoded {
        frames: product.decoded_frames,
        pixels: product.decoded_pixels.0,
    };
    line.send(number, &decoded, None)?;
    for (index, rendition) in (0u32..).zip(product.renditions) {
        let pixels = rendition.pixels.0;
        let bytes = SealedMemory::seal(&rendition.bytes)?;
        line.send(
            number,
            &FromWorker::Rendition { index, pixels },
            Some(&bytes),
        )?;
        if let Some(signature) = rendition.signature {
            let bytes = SealedMemory::seal(&signature)?;
            line.send(number, &FromWorker::Signature { index }, Some(&bytes))?;
        }
    }
    let times = StageTimes {
        cpu: product.stages.process,
        wall: started.elapsed(),
        device,
    };
    line.send(number, &FromWorker::Done(times), None)
}

/// Hears the node until it is gone or talks nonsense.
fn listen(line: &Line, in_hand: &InHand, card: Option<&Card>, jobs: &SyncSender<Job>) {
    match hear(line, in_hand, card, jobs) {
        Ok(()) | Err(ChannelError::Closed) => {}
        Err(error) => eprintln!("streamflow-worker: {error}"),
    }
    // Nobody waits for the jobs in hand.
    for (_, control) in lock(in_hand).drain() {
        control.cancel.cancel();
    }
}

fn hear(
    line: &Line,
    in_hand: &InHand,
    card: Option<&Card>,
    jobs: &SyncSender<Job>,
) -> Result<(), ChannelError> {
    loop {
        let received = line.channel.receive()?;
        let number = received.header.job;
        let message = ToWorker::decode(received.header.kind, &received.body)?;
        match (message, received.memory) {
            (ToWorker::Job(spec), Some(source)) => {
                let control = Control {
                    card: card.cloned(),
                    ..Control::new(threads(spec.threads))
                };
                lock(in_hand).insert(number, control.clone());
                let job = Job {
                    number,
                    spec: *spec,
                    source,
                    control,
                };
                if jobs.send(job).is_err() {
                    return Ok(());
                }
            }
            (ToWorker::Tokens(count), _) => {
                if let Some(control) = held(in_hand, number) {
                    control.threads.set(threads(count));
                }
            }
            (ToWorker::Cancel, _) => {
                if let Some(control) = held(in_hand, number) {
                    control.cancel.cancel();
                }
            }
            (ToWorker::Ping(nonce), _) => line.send(0, &FromWorker::Pong(nonce), None)?,
            // Nothing outlives a segment on the processor; a job always has its memory.
            (ToWorker::SessionEnd(_) | ToWorker::Job(_), _) => {}
        }
    }
}

fn held(in_hand: &InHand, number: u32) -> Option<Control> {
    lock(in_hand).get(&number).cloned()
}

fn threads(count: u32) -> usize {
    count.clamp(1, MAX_THREADS) as usize
}

impl Line {
    fn send(
        &self,
        job: u32,
        message: &FromWorker,
        memory: Option<&SealedMemory>,
    ) -> Result<(), ChannelError> {
        let frame = message.encode(job)?;
        let _whole = lock(&self.sending);
        self.channel.send(&frame, memory)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is under these locks is replaced whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hello(sandbox: Sandbox, probe: &Probe, device: Option<DeviceReport>) -> FromWorker {
    let capabilities = capabilities(probe, sandbox.opens_memory_files());
    FromWorker::Hello(Box::new(Hello {
        protocol: PROTOCOL_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ffmpeg: probe.ffmpeg.clone(),
        active: sandbox.active,
        missing: sandbox.missing,
        capabilities,
        device,
    }))
}

/// What the libraries here can do, as the network numbers it. Decoding H.264 covers its pixel
/// formats: software converts them all. Signatures need a memory file opened by name.
fn capabilities(probe: &Probe, signatures: bool) -> Vec<u32> {
    use Capability::*;
    let decodes = |name: &str| probe.decoders.iter().any(|decoder| decoder == name);
    let encodes = |name: &str| probe.encoders.iter().any(|encoder| encoder == name);
    let always = [MpegTs, Mp4, FractionalFramerates, Gop];
    let h264 = [
        H264,
        H264Baseline,
        H264Main,
        H264High,
        H264ConstrainedHigh,
        H264DecodeYuv444Bit8,
        H264DecodeYuv422Bit8,
        H264DecodeYuv444Bit10,
        H264DecodeYuv422Bit10,
        H264DecodeYuv420Bit10,
    ];
    let others = [
        (Mpeg7Signature, signatures),
        (HevcDecode, decodes("hevc")),
        (HevcEncode, encodes("libx265")),
        (Vp8Decode, decodes("vp8")),
        (Vp9Decode, decodes("vp9")),
        (Vp8Encode, encodes("libvpx")),
        (Vp9Encode, encodes("libvpx-vp9")),
    ];
    always
        .into_iter()
        .chain(h264)
        .chain(
            others
                .into_iter()
                .filter_map(|(one, has)| has.then_some(one)),
        )
        .map(Capability::number)
        .collect()
}
