//! No tag body of a publisher panics or grows out of proportion.

use proptest::prelude::*;
use streamflow_media::flv::{AudioTag, AudioTrack, VideoTag, VideoTrack};

/// A start code replaces each length prefix, and parameter sets go in front.
const MAX_GROWTH: usize = 3;
const MAX_ADDED: usize = 16 * 1024 + 64;

const AVC_START: &[u8] = &[
    0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 2, 0x67, 0x64, 1, 0, 1, 0x68,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn video_tags(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8),
        prefix_bytes in 1u8..5,
        well_begun in any::<bool>(),
    ) {
        let mut track = VideoTrack::default();
        let mut start = AVC_START.to_vec();
        start[9] = 0xfc | (prefix_bytes - 1);
        track.read(&start).expect("a whole record");
        for mut body in bodies {
            if well_begun && body.len() > 1 {
                (body[0], body[1]) = (0x17, 1);
            }
            if let Ok(VideoTag::Picture { data, .. }) = track.read(&body) {
                prop_assert!(data.len() <= body.len() * MAX_GROWTH + MAX_ADDED);
            }
        }
    }

    #[test]
    fn audio_tags(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let mut track = AudioTrack::default();
        track.read(&[0xaf, 0, 0x12, 0x10]).expect("a whole configuration");
        for body in bodies {
            if let Ok(AudioTag::Frame(data)) = track.read(&body) {
                prop_assert!(data.len() <= body.len() + 7);
            }
        }
    }
}
