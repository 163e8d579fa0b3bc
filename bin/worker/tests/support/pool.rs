//! A pool of real workers and segments for it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use streamflow_engine::card::{Card, Scene};
use streamflow_engine::protocol::Layer;
use streamflow_engine::{Job, PoolConfig};
use streamflow_media::mpegts::Ticks;
use streamflow_runtime::Metrics;
use streamflow_types::{FrameRate, ManifestId, Profile, SegmentNumber, SessionId, Work};
use tokio::time::Instant;

/// Layers that a test machine may lack; the sandbox itself is tested elsewhere.
const EXCUSED: [Layer; 4] = [
    Layer::UserNamespace,
    Layer::NetworkNamespace,
    Layer::IpcNamespace,
    Layer::Landlock,
];

pub(crate) fn config(cores: u32) -> PoolConfig {
    let program = env!("CARGO_BIN_EXE_streamflow-worker").into();
    let mut config = PoolConfig::new(program, Metrics::new());
    config.cores = NonZeroU32::new(cores).unwrap();
    config.preset = "ultrafast".to_owned();
    config.allow_missing_layers = BTreeSet::from(EXCUSED);
    config
}

pub(crate) fn clip(width: u32, height: u32, pictures: u16) -> Bytes {
    let rate = (NonZeroU32::new(30).unwrap(), NonZeroU32::MIN);
    let card = Card::new(width, height, Scene::Texture).unwrap();
    card.segment(Ticks(Ticks::PER_SECOND), rate, pictures)
}

pub(crate) fn ladder() -> Vec<Profile> {
    vec![
        Profile::new("large", 320, 180, 400_000, FrameRate::SOURCE),
        Profile::new("small", 160, 90, 100_000, FrameRate::SOURCE),
    ]
}

pub(crate) fn job(source: &Bytes, number: u64) -> Job {
    Job {
        session: SessionId::from_random([1, 2, 3, 4]),
        manifest: ManifestId::new("test").unwrap(),
        number: SegmentNumber(number),
        duration: Duration::from_secs(2),
        source: source.clone(),
        work: Work::new(ladder()),
        deadline: Instant::now() + Duration::from_secs(60),
    }
}

pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
