//! Bytes of publishers, orchestrators and pushed files: transport streams, MP4, the headers in
//! them, and playlists.

use std::time::Duration;

use streamflow_media::codec::{aac, h264, hevc, mpeg_audio, nal};
use streamflow_media::hls_check::HlsCheck;
use streamflow_media::inspect::{GateLimits, MAX_FRAMES, gate, inspect};
use streamflow_media::ladder::{LadderOptions, SourceFacts, auto};
use streamflow_media::mp4::{MAX_SAMPLES, Mp4};
use streamflow_media::mpegts::demux::TransportStream;
use streamflow_media::plan::unit_order;
use streamflow_media::signature::renditions::{belong_together, compare_renditions};
use streamflow_media::signature::{Match, Mode, Signature, Thresholds, Verdict, compare};

/// A segment, of whatever container it seems to be, through everything asked of it.
pub fn segment(bytes: &[u8]) {
    let Ok(info) = inspect(bytes) else {
        return;
    };
    let _ = gate(&info, Duration::from_secs(2), &GateLimits::default());
    let _ = (info.duration(), info.input_format(), info.codec_strings());
    if let Some(video) = &info.video {
        assert!(video.frames.len() <= MAX_FRAMES, "frames are bounded");
        let _ = (video.frame_rate(), video.duration(), video.key_frames());
    }
    if let Ok(source) = SourceFacts::of(&info) {
        let ladder = auto(source, LadderOptions::default()).expect("a picture has a ladder");
        assert!(!ladder.is_empty(), "a ladder has a rung");
    }
    let mut check = HlsCheck::new();
    check.segment("a.m3u8", "1.ts", &info);
    check.finish();
}

/// A signature, which is compared with itself, and two renditions.
pub fn signature(bytes: &[u8]) {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let _ = compare_renditions(one, other);
    let _ = belong_together(bytes, bytes);
    let Ok(signature) = Signature::parse(bytes) else {
        return;
    };
    assert!(
        signature.frames() <= bytes.len() / 76,
        "nothing is invented"
    );
    for mode in [Mode::Full, Mode::Fast] {
        let found = compare(&signature, &signature, mode, Thresholds::default());
        if let Ok(Match { verdict, found }) = found {
            assert_eq!(found.is_some(), verdict != Verdict::Different);
        }
    }
}

/// A transport stream, which keeps no more than it is given.
pub fn transport(bytes: &[u8]) {
    if let Ok(repaired) = unit_order::repaired(bytes) {
        assert_eq!(repaired.len(), bytes.len(), "units are only moved");
    }
    let stream = TransportStream::parse(bytes);
    let kept: usize = stream.streams.iter().map(|stream| stream.data.len()).sum();
    assert!(kept <= bytes.len(), "nothing is invented");
    for stream in &stream.streams {
        let pieces = (0..stream.packets.len()).map(|index| stream.payload(index).len());
        assert!(
            pieces.sum::<usize>() <= stream.data.len(),
            "nothing is doubled"
        );
    }
}

/// An MP4 file.
pub fn mp4(bytes: &[u8]) {
    let Ok(mp4) = Mp4::parse(bytes) else {
        return;
    };
    for track in &mp4.tracks {
        assert!(track.samples.len() <= MAX_SAMPLES, "samples are bounded");
        for sample in &track.samples {
            let _ = sample.bytes(bytes);
        }
    }
}

/// Each header by itself, at the start of the bytes.
pub fn headers(bytes: &[u8]) {
    let _ = h264::Sps::parse(bytes);
    let _ = h264::DecoderConfig::parse(bytes);
    let _ = hevc::Sps::parse(bytes);
    let _ = hevc::DecoderConfig::parse(bytes);
    let _ = aac::AdtsHeader::parse(bytes);
    let _ = aac::AudioConfig::parse(bytes);
    let _ = mpeg_audio::FrameHeader::parse(bytes);
    for length_bytes in 0..=4 {
        let units = nal::LengthPrefixed::new(bytes, length_bytes);
        assert!(
            units.map(<[u8]>::len).sum::<usize>() <= bytes.len(),
            "units do not overlap"
        );
    }
    for (_, unit) in nal::AnnexB::new(bytes) {
        let _ = (h264::Sps::parse(unit), hevc::Sps::parse(unit));
    }
}

/// Playlists: a text as both kinds, as a snapshot after its own first half.
pub fn playlists(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let half = text.char_indices().nth(text.chars().count() / 2);
    let half = half.map_or("", |(at, _)| text.get(..at).unwrap_or_default());
    let mut check = HlsCheck::new();
    for text in [half, &text, half] {
        check.master(text);
        check.media("a.m3u8", text);
        check.media("b.m3u8", text);
    }
    check.finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSPORT: [&[u8]; 3] = [
        include_bytes!("../corpus/media_transport/h264_aac.ts"),
        include_bytes!("../corpus/media_transport/h264_mp3.ts"),
        include_bytes!("../corpus/media_transport/hevc.ts"),
    ];

    const MP4: [&[u8]; 4] = [
        include_bytes!("../corpus/media_mp4/whole.mp4"),
        include_bytes!("../corpus/media_mp4/fragmented.mp4"),
        include_bytes!("../corpus/media_mp4/hevc.mp4"),
        include_bytes!("../corpus/media_mp4/vp9.mp4"),
    ];

    const PLAYLISTS: [&[u8]; 2] = [
        include_bytes!("../corpus/media_playlist/master.m3u8"),
        include_bytes!("../corpus/media_playlist/media.m3u8"),
    ];

    /// Every byte wrong in several ways, and every end.
    fn spoil(seed: &[u8], target: impl Fn(&[u8])) {
        target(seed);
        let mut bytes = seed.to_vec();
        for place in 0..bytes.len() {
            for value in [0x00, 0x01, 0x47, 0x7f, 0x80, 0xff] {
                bytes[place] = value;
                target(&bytes);
            }
            bytes[place] = seed[place];
            target(&seed[..place]);
        }
    }

    #[test]
    fn the_seeds_are_real() {
        for seed in TRANSPORT.into_iter().chain(MP4) {
            let info = inspect(seed).unwrap();
            assert!(info.video.unwrap().frame_count() >= 2);
        }
    }

    #[test]
    fn every_byte_of_a_transport_stream_may_be_wrong() {
        for seed in TRANSPORT {
            spoil(seed, |bytes| {
                transport(bytes);
                segment(bytes);
            });
        }
    }

    #[test]
    fn every_byte_of_a_file_may_be_wrong() {
        for seed in MP4 {
            spoil(seed, |bytes| {
                mp4(bytes);
                segment(bytes);
            });
        }
    }

    #[test]
    fn every_byte_of_a_header_may_be_wrong() {
        for seed in TRANSPORT {
            let stream = TransportStream::parse(seed);
            for stream in &stream.streams {
                for (_, unit) in nal::AnnexB::new(&stream.data).take(4) {
                    spoil(&unit[..unit.len().min(200)], headers);
                }
                spoil(&stream.data[..stream.data.len().min(200)], headers);
            }
        }
    }

    #[test]
    fn every_byte_of_a_playlist_may_be_wrong() {
        for seed in PLAYLISTS {
            spoil(seed, playlists);
        }
    }
}
