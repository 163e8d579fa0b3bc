//! Bytes that are damaged, hostile or no video at all.

use streamflow_ffmpeg::{Cancel, Joiner};
use streamflow_types::{Container, FrameRate, TranscodeFailure, Work};

use crate::clips::{moving, profile, run};
use crate::codecs::other_codecs;

fn work() -> Work {
    Work::new(vec![profile(160, 90, FrameRate::SOURCE)])
}

/// A small generator, so that every run damages the same bits.
fn scrambled(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

#[test]
fn bytes_that_are_no_video_get_a_typed_error() {
    let noise: Vec<u8> = scrambled(7)
        .take(100_000)
        .map(|word| word as u8 & 0xbf)
        .collect();
    let cases = [
        (Vec::new(), TranscodeFailure::EmptyData),
        (
            b"#EXTM3U\nhttp://127.0.0.1/".to_vec(),
            TranscodeFailure::InvalidVideo,
        ),
        (noise, TranscodeFailure::InvalidVideo),
        (
            b"\0\0\0\x18ftypisom\0\0\0\0isommp42".to_vec(),
            TranscodeFailure::InvalidVideo,
        ),
    ];
    for (bytes, failure) in cases {
        assert_eq!(run(&bytes, &work()).unwrap_err(), failure);
    }
}

#[test]
fn a_few_packets_without_a_picture_are_an_invalid_argument() {
    let source = moving(320, 180, "30", "ts");
    for packets in [1, 2, 3] {
        let failure = run(&source[..packets * 188], &work()).unwrap_err();
        assert_eq!(failure, TranscodeFailure::InvalidArgument, "{packets}");
    }
}

#[test]
fn a_picture_that_is_only_declared_is_no_video() {
    // Packets of the picture (PID 0x100) are taken out; its place in the tables stays.
    let source: Vec<u8> = moving(320, 180, "30", "ts")
        .chunks(188)
        .filter(|packet| packet[1] & 0x1f != 1 || packet[2] != 0)
        .flatten()
        .copied()
        .collect();
    assert_eq!(
        run(&source, &work()).unwrap_err(),
        TranscodeFailure::InvalidVideo
    );
}

#[test]
fn truncated_segments_give_what_is_there_or_a_typed_error() {
    for container in ["ts", "mp4"] {
        let source = moving(320, 180, "30", container);
        for tenths in 1..10 {
            let part = &source[..source.len() * tenths / 10];
            match run(part, &work()) {
                Ok(product) => assert!((1..=60).contains(&product.decoded_frames)),
                Err(failure) => assert!(!failure.is_retryable(), "{container}: {failure}"),
            }
        }
    }
}

fn flipped(source: &[u8], seed: u64) -> Vec<u8> {
    let mut bytes = source.to_vec();
    for word in scrambled(seed).take(1 << (seed % 8)) {
        let place = word as usize % bytes.len();
        bytes[place] ^= 1 << (word >> 60 & 7);
    }
    bytes
}

#[test]
fn flipped_bits_never_do_more_than_fail() {
    let mut sources = vec![
        ("ts", moving(320, 180, "30", "ts"), 12),
        ("mp4", moving(320, 180, "30", "mp4"), 12),
    ];
    sources.extend(other_codecs().map(|(name, source)| (name, source, 6)));
    for (name, source, seeds) in sources {
        for seed in 1..=seeds {
            if let Ok(product) = run(&flipped(&source, seed), &work()) {
                let pixels = product.renditions[0].pixels;
                let report = streamflow_ffmpeg::decode_check(&product.renditions[0].bytes);
                assert_eq!(report.unwrap().pixels, pixels, "{name} {seed}");
            }
        }
    }
}

#[test]
fn damaged_segments_never_spoil_what_is_joined() {
    for container in ["ts", "mp4"] {
        let source = moving(320, 180, "30", container);
        for seed in 1..=12 {
            let cancel = Cancel::default();
            let mut file = Joiner::new(Container::MpegTs, 64 << 20, cancel).unwrap();
            file.add(&source, false).unwrap();
            let _whatever_it_says = file.add(&flipped(&source, seed), seed % 2 == 0);
            let report = streamflow_ffmpeg::decode_check(&file.finish().unwrap()).unwrap();
            assert!(report.frames >= 59, "{container} {seed}: {}", report.frames);
        }
    }
}
