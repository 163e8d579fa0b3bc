//! Damaged media leads to an answer, whatever the damage.

use std::sync::LazyLock;

use proptest::prelude::*;
use streamflow_media::inspect::inspect;
use streamflow_media::mp4::Mp4;
use streamflow_media::mpegts::demux::TransportStream;

use crate::made::{PICTURE, clip, mp4_of};

static TS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let short = "testsrc2=size=64x64:rate=10";
    clip(
        short,
        "-c:v libx264 -preset ultrafast -x264-params keyint=5",
    )
});

static HEVC: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let coded = "-c:v libx265 -preset ultrafast -x265-params log-level=error";
    clip("testsrc2=size=64x64:rate=10", coded)
});

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| mp4_of(&TS, "-movflags +faststart"));

static FRAGMENTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    mp4_of(
        &TS,
        "-bsf:a aac_adtstoasc -movflags +frag_keyframe+empty_moov+default_base_moof",
    )
});

/// Bytes changed, cut out and doubled.
#[derive(Clone, Debug)]
enum Damage {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    End(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        20 => (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        2 => (place(), 1usize..400).prop_map(|(at, length)| Damage::Cut(at, length)),
        2 => (place(), 1usize..400).prop_map(|(at, length)| Damage::Repeat(at, length)),
        1 => place().prop_map(Damage::End),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage], within: usize) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let reach = within.min(bytes.len());
        match damage {
            Damage::Set(at, byte) => bytes[at.index(reach)] = *byte,
            Damage::Cut(at, length) => {
                let start = at.index(reach);
                let end = bytes.len().min(start + length);
                bytes.drain(start..end);
            }
            Damage::Repeat(at, length) => {
                let start = at.index(reach);
                let end = bytes.len().min(start + length);
                let piece = bytes[start..end].to_vec();
                bytes.splice(start..start, piece);
            }
            Damage::End(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_transport_stream_is_answered(
        damages in prop::collection::vec(damage(), 1..40), hevc: bool) {
        let whole = if hevc { &HEVC } else { &TS };
        let bytes = damaged(whole.to_vec(), &damages, usize::MAX);
        let stream = TransportStream::parse(&bytes);
        let kept: usize = stream.streams.iter().map(|s| s.data.len()).sum();
        prop_assert!(kept <= bytes.len());
        if let Ok(info) = inspect(&bytes) {
            prop_assert!(info.video.is_none_or(|v| v.frames.len() <= bytes.len()));
        }
    }

    #[test]
    fn a_damaged_file_is_answered(
        damages in prop::collection::vec(damage(), 1..20), fragmented: bool) {
        let whole = if fragmented { &FRAGMENTED } else { &WHOLE };
        // Near the start is where the index is.
        let bytes = damaged(whole.to_vec(), &damages, 3000);
        let _ = Mp4::parse(&bytes);
        let _ = inspect(&bytes);
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = inspect(&bytes);
        let _ = Mp4::parse(&bytes);
        let _ = TransportStream::parse(&bytes);
    }
}

#[test]
fn every_end_is_answered() {
    for whole in [&*TS, &*WHOLE, &*FRAGMENTED] {
        for end in (0..whole.len()).step_by(97) {
            let _ = inspect(&whole[..end]);
        }
    }
}

#[test]
fn lost_packets_are_counted_and_the_rest_is_read() {
    let whole = clip(PICTURE, "-c:v libx264 -preset ultrafast -b:v 2M");
    let mut bytes = whole.clone();
    bytes.drain(188 * 50..188 * 53);
    let info = inspect(&bytes).unwrap();
    let transport = info.transport.unwrap();
    assert!(transport.continuity_errors >= 1);
    assert_eq!(transport.lost_bytes, 0);
    let frames = info.video.unwrap().frame_count();
    assert!((58..=60).contains(&frames), "{frames}");
}
