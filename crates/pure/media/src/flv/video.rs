//! Video tag bodies.

use bytes::Bytes as Shared;
use streamflow_types::Codec;

use super::avc::Configuration;
use super::bits::Bytes;
use super::{FlvError, VideoFormat, VideoTag};
use crate::inspect::VideoCodec;

/// Classic codec numbers. The second is a common extension for H.265.
const AVC: u8 = 7;
const HEVC: u8 = 12;

/// Frame types.
const KEY: u8 = 1;
const COMMAND: u8 = 5;

/// Packet types. The classic form knows the first three.
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const CODED_FRAMES_X: u8 = 3;
const MPEG2_SEQUENCE_START: u8 = 5;
const MULTITRACK: u8 = 6;
const MODIFIER: u8 = 7;

/// Modifiers in front of one packet; the specification defines one.
const MAX_MODIFIERS: usize = 8;

const ADVICE: &str = "H.264, H.265, VP9 or AV1";

/// Largest configuration record of VP9 and AV1 taken; real ones have some dozen bytes.
const MAX_RECORD_BYTES: usize = 4 * 1024;

/// Version and flags that a `vpcC` box has in front, and some encoders leave out.
const VPCC_VERSION: [u8; 4] = [1, 0, 0, 0];

/// Bytes of a `vpcC` body behind them.
const VPCC_BYTES: usize = 8;

/// The video of one publisher, read tag by tag.
#[derive(Debug, Default)]
pub struct VideoTrack {
    coding: Option<Coding>,
}

/// What is known of the pictures that follow.
#[derive(Debug)]
enum Coding {
    /// H.264 or H.265.
    Nals(Configuration),
    /// Pictures need nothing added.
    Plain(VideoCodec),
}

/// A tag body up to where the codec's own bytes begin.
struct Head<'a> {
    frame_type: u8,
    packet_type: u8,
    codec: VideoCodec,
    composition_ms: i32,
    body: &'a [u8],
}

impl VideoTrack {
    /// Reads the next tag body. Pictures before the first configuration are left out: nothing
    /// could decode them.
    pub fn read(&mut self, body: &[u8]) -> Result<VideoTag, FlvError> {
        let Some(head) = head(body)? else {
            return Ok(VideoTag::Nothing);
        };
        if head.frame_type == COMMAND {
            return Ok(VideoTag::Nothing);
        }
        match head.packet_type {
            SEQUENCE_START => self.start(&head).map(VideoTag::Format),
            CODED_FRAMES | CODED_FRAMES_X if !head.body.is_empty() => self.picture(&head),
            MPEG2_SEQUENCE_START => Err(FlvError::Unsupported(
                "a sequence start for transport streams".to_owned(),
                "the usual sequence start",
            )),
            _ => Ok(VideoTag::Nothing),
        }
    }

    fn start(&mut self, head: &Head<'_>) -> Result<VideoFormat, FlvError> {
        let (coding, parameter_sets) = match head.codec {
            VideoCodec::Known(Codec::Vp9) => (Coding::Plain(head.codec), vpcc(head.body)?.into()),
            VideoCodec::Av1 => (Coding::Plain(head.codec), av1c(head.body)?.into()),
            codec => {
                let configuration = match codec {
                    VideoCodec::Known(Codec::H265) => Configuration::parse_hevc(head.body)?,
                    _ => Configuration::parse_avc(head.body)?,
                };
                let sets = Shared::copy_from_slice(&configuration.parameter_sets);
                (Coding::Nals(configuration), sets)
            }
        };
        self.coding = Some(coding);
        Ok(VideoFormat {
            codec: head.codec,
            parameter_sets,
        })
    }

    fn picture(&self, head: &Head<'_>) -> Result<VideoTag, FlvError> {
        let is_flagged = head.frame_type == KEY;
        let (key, data) = match &self.coding {
            Some(Coding::Nals(configuration))
                if VideoCodec::Known(configuration.codec) == head.codec =>
            {
                configuration.annex_b(head.body, is_flagged)?
            }
            Some(Coding::Plain(codec)) if *codec == head.codec => (is_flagged, head.body.to_vec()),
            _ => return Ok(VideoTag::Nothing),
        };
        Ok(VideoTag::Picture {
            key,
            composition_ms: head.composition_ms,
            data: data.into(),
        })
    }
}

/// The body of a `vpcC` box, with the version in front that it has there.
fn vpcc(record: &[u8]) -> Result<Vec<u8>, FlvError> {
    let body = record.strip_prefix(&VPCC_VERSION).unwrap_or(record);
    if body.len() < VPCC_BYTES || body.len() > MAX_RECORD_BYTES {
        return Err(FlvError::Malformed("VP9 configuration record"));
    }
    Ok([&VPCC_VERSION, body].concat())
}

/// The body of an `av1C` box.
fn av1c(record: &[u8]) -> Result<Vec<u8>, FlvError> {
    // Marker and version share the first byte.
    if record.len() < 4 || record.len() > MAX_RECORD_BYTES || record.first() != Some(&0x81) {
        return Err(FlvError::Malformed("AV1 configuration record"));
    }
    Ok(record.to_vec())
}

/// The head of either form. `None` for a track that is not the first.
fn head(body: &[u8]) -> Result<Option<Head<'_>>, FlvError> {
    const SHORT: FlvError = FlvError::Malformed("video tag");
    let mut bytes = Bytes(body);
    let first = bytes.u8().ok_or(SHORT)?;
    if first & 0x80 != 0 {
        return four_cc_head(first, bytes);
    }
    let codec = match first & 0x0f {
        AVC => VideoCodec::Known(Codec::H264),
        HEVC => VideoCodec::Known(Codec::H265),
        other => return Err(FlvError::Unsupported(classic_name(other), ADVICE)),
    };
    let frame_type = first >> 4;
    if frame_type == COMMAND {
        return Ok(None);
    }
    let packet_type = bytes.u8().ok_or(SHORT)?;
    let composition_ms = bytes.i24().ok_or(SHORT)?;
    // The third classic type ends a sequence, where the FourCC form has a kind of frame.
    let packet_type = if packet_type > CODED_FRAMES {
        u8::MAX
    } else {
        packet_type
    };
    Ok(Some(Head {
        frame_type,
        packet_type,
        codec,
        composition_ms,
        body: bytes.0,
    }))
}

fn four_cc_head(first: u8, mut bytes: Bytes<'_>) -> Result<Option<Head<'_>>, FlvError> {
    const SHORT: FlvError = FlvError::Malformed("video tag with FourCC");
    let frame_type = (first >> 4) & 7;
    let packet_type = skip_modifiers(first & 0x0f, &mut bytes).ok_or(SHORT)?;
    if packet_type != SEQUENCE_START && frame_type == COMMAND {
        return Ok(None);
    }
    let packet_type = match packet_type {
        // One track a packet, and that the first, is like no multitrack at all.
        MULTITRACK => match bytes.u8().ok_or(SHORT)? {
            one if one >> 4 == 0 => one & 0x0f,
            _ => {
                return Err(FlvError::Unsupported(
                    "several video tracks".to_owned(),
                    ADVICE,
                ));
            }
        },
        other => other,
    };
    let is_multitrack = first & 0x0f == MULTITRACK;
    let codec = match &bytes.array().ok_or(SHORT)? {
        b"avc1" => VideoCodec::Known(Codec::H264),
        b"hvc1" => VideoCodec::Known(Codec::H265),
        b"vp09" => VideoCodec::Known(Codec::Vp9),
        b"av01" => VideoCodec::Av1,
        other => {
            let name = String::from_utf8_lossy(other).into_owned();
            return Err(FlvError::Unsupported(name, ADVICE));
        }
    };
    if is_multitrack && bytes.u8().ok_or(SHORT)? != 0 {
        return Ok(None);
    }
    let composition_ms = match packet_type {
        // The others show pictures in the order in which they come.
        CODED_FRAMES if matches!(codec, VideoCodec::Known(Codec::H264 | Codec::H265)) => {
            bytes.i24().ok_or(SHORT)?
        }
        _ => 0,
    };
    Ok(Some(Head {
        frame_type,
        packet_type,
        codec,
        composition_ms,
        body: bytes.0,
    }))
}

/// Passes over modifiers in front of a packet (finer times than milliseconds) and returns the
/// type of the packet itself. `None` when cut off.
pub(super) fn skip_modifiers(mut packet_type: u8, bytes: &mut Bytes<'_>) -> Option<u8> {
    for _ in 0..MAX_MODIFIERS {
        if packet_type != MODIFIER {
            return Some(packet_type);
        }
        let mut length = usize::from(bytes.u8()?) + 1;
        if length == 256 {
            length = usize::from(bytes.u16()?) + 1;
        }
        bytes.take(length)?;
        packet_type = bytes.u8()? & 0x0f;
    }
    None
}

fn classic_name(codec: u8) -> String {
    match codec {
        2 => "Sorenson H.263".to_owned(),
        3 | 6 => "screen video".to_owned(),
        4 | 5 => "VP6".to_owned(),
        other => format!("video codec {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 14] = [
        1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 2, 0x67, 0x64, 1, 0, 1, 0x68,
    ];

    fn with(head: &[u8], body: &[u8]) -> Vec<u8> {
        [head, body].concat()
    }

    #[test]
    fn both_forms_give_the_same_pictures() {
        let picture = [0, 0, 0, 1, 0x65];
        let forms: [[&[u8]; 2]; 3] = [
            [b"\x17\x00\0\0\0", b"\x17\x01\0\0\x43"],
            [b"\x90avc1", b"\x91avc1\0\0\x43"],
            // One track of several, with a modifier in front of the picture.
            [b"\x96\x00avc1\0", b"\x97\x01\0\0\x01avc1\0\0\x43"],
        ];
        for [start, frame] in forms {
            let mut track = VideoTrack::default();
            let format = track.read(&with(start, &RECORD)).unwrap();
            let VideoTag::Format(format) = format else {
                panic!("{format:?}")
            };
            assert_eq!(
                &format.parameter_sets[..],
                b"\0\0\0\x01\x67\x64\0\0\0\x01\x68"
            );
            let tag = track.read(&with(frame, &picture)).unwrap();
            let VideoTag::Picture {
                key: true,
                composition_ms: 67,
                data,
            } = tag
            else {
                panic!("{tag:?}")
            };
            assert!(data.ends_with(b"\0\0\0\x01\x68\0\0\0\x01\x65"));
        }
    }

    #[test]
    fn composition_offsets_may_be_negative_or_left_out() {
        let mut track = VideoTrack::default();
        track.read(&with(b"\x17\x00\0\0\0", &RECORD)).unwrap();
        for (frame, offset) in [(&b"\x27\x01\xff\xff\xfe"[..], -2), (b"\xa3avc1", 0)] {
            let tag = track.read(&with(frame, &[0, 0, 0, 1, 0x41])).unwrap();
            let VideoTag::Picture {
                key: false,
                composition_ms,
                ..
            } = tag
            else {
                panic!()
            };
            assert_eq!(composition_ms, offset);
        }
    }

    #[test]
    fn other_codecs_are_named() {
        let mut track = VideoTrack::default();
        for (body, name) in [(&b"\x90vp08"[..], "vp08"), (b"\x22", "Sorenson H.263")] {
            let refused = track.read(body);
            assert_eq!(refused, Err(FlvError::Unsupported(name.to_owned(), ADVICE)));
        }
    }

    #[test]
    fn vp9_and_av1_come_out_as_they_are() {
        let vpcc = [1, 0, 0, 0, 0, 31, 0x82, 2, 2, 2, 0, 0];
        let av1c = [0x81, 0, 0x0c, 0, 0x0a];
        for (four_cc, sent, kept) in [
            (b"vp09", &vpcc[..], &vpcc[..]),
            (b"vp09", &vpcc[4..], &vpcc),
            (b"av01", &av1c, &av1c),
        ] {
            let mut track = VideoTrack::default();
            let start = track.read(&[&b"\x90"[..], four_cc, sent].concat()).unwrap();
            let VideoTag::Format(format) = start else {
                panic!("{start:?}")
            };
            assert_eq!(format.parameter_sets, kept);
            // No composition time stands in front of their pictures.
            let picture = track.read(&[&b"\x91"[..], four_cc, b"abc"].concat());
            let expected = VideoTag::Picture {
                key: true,
                composition_ms: 0,
                data: Shared::from_static(b"abc"),
            };
            assert_eq!(picture, Ok(expected));
            // A picture of another codec, or nothing at all.
            for other in [
                &b"\x91avc1\0\0\0\0\0\0\x01\x65"[..],
                b"\x91vp09",
                b"\x91av01",
            ] {
                assert_eq!(track.read(other), Ok(VideoTag::Nothing));
            }
        }
    }

    #[test]
    fn records_that_are_none_are_malformed() {
        for body in [
            &b"\x90vp09\x01\0\0\0\0\x1f"[..],
            b"\x90av01\x80\0\0\0",
            b"\x90av01\x81",
        ] {
            let refused = VideoTrack::default().read(body);
            assert!(
                matches!(refused, Err(FlvError::Malformed(_))),
                "{refused:?}"
            );
        }
        let long = [&b"\x90av01\x81"[..], &[0; MAX_RECORD_BYTES]].concat();
        assert!(VideoTrack::default().read(&long).is_err());
        let transport = VideoTrack::default().read(b"\x95av01abc");
        assert!(
            matches!(transport, Err(FlvError::Unsupported(..))),
            "{transport:?}"
        );
    }

    #[test]
    fn pictures_before_a_configuration_are_left_out() {
        let early = VideoTrack::default().read(b"\x17\x01\0\0\0\0\0\0\x01\x65");
        assert_eq!(early, Ok(VideoTag::Nothing));
        assert!(VideoTrack::default().read(b"").is_err());
        assert!(VideoTrack::default().read(b"\x17").is_err());
    }
}
