//! Bytes that are damaged, hostile or no video at all.

use streamflow_types::{FrameRate, TranscodeFailure, Work};

use crate::clips::{moving, profile, run};

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

#[test]
fn flipped_bits_never_do_more_than_fail() {
    for container in ["ts", "mp4"] {
        let source = moving(320, 180, "30", container);
        for seed in 1..=12 {
            let mut bytes = source.clone();
            for word in scrambled(seed).take(1 << (seed % 8)) {
                let place = word as usize % bytes.len();
                bytes[place] ^= 1 << (word >> 60 & 7);
            }
            if let Ok(product) = run(&bytes, &work()) {
                let pixels = product.renditions[0].pixels;
                let report = streamflow_ffmpeg::decode_check(&product.renditions[0].bytes);
                assert_eq!(report.unwrap().pixels, pixels, "{container} {seed}");
            }
        }
    }
}
