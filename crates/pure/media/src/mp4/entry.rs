//! What the samples of a track are.

use super::Mp4Error;
use super::boxes::{Box4, Boxes, wrong_length};
use crate::codec::aac::AudioConfig;

/// The first description of a track's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleEntry<'a> {
    /// Four letters of the coding, for example `avc1`.
    pub format: [u8; 4],
    /// Width, or 0.
    pub width: u16,
    /// Height, or 0.
    pub height: u16,
    /// Channels, or 0.
    pub channels: u16,
    /// Samples a second, or 0.
    pub sample_rate: u32,
    /// The decoder's configuration.
    pub coding: Coding<'a>,
}

/// A decoder's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding<'a> {
    /// The body of `avcC`.
    H264(&'a [u8]),
    /// The body of `hvcC`.
    H265(&'a [u8]),
    /// The body of `vpcC`.
    Vp(&'a [u8]),
    /// The body of `av1C`.
    Av1(&'a [u8]),
    /// AAC by its configuration.
    Aac(AudioConfig),
    /// An object type of `esds`, of AAC where its configuration was left out.
    Object(u8),
    /// None, or one not known.
    Unknown,
}

/// Whether an object type means AAC.
pub(crate) const fn is_aac(object: u8) -> bool {
    matches!(object, 0x40 | 0x66..=0x68)
}

impl<'a> SampleEntry<'a> {
    /// Reads the first description of `stsd`.
    pub(super) fn read(stsd: &Box4<'a>, is_video: bool) -> Result<Option<Self>, Mp4Error> {
        let mut fields = stsd.fields();
        fields.version()?;
        fields.u32()?;
        let Some(entry) = Boxes::new(fields.rest()).next() else {
            return Ok(None);
        };
        let entry = entry?;
        if is_video {
            Self::video(&entry).map(Some)
        } else {
            Self::audio(&entry).map(Some)
        }
    }

    fn video(entry: &Box4<'a>) -> Result<Self, Mp4Error> {
        let mut fields = entry.fields();
        fields.skip(24)?;
        let (width, height) = (fields.u16()?, fields.u16()?);
        fields.skip(50)?;
        let mut coding = Coding::Unknown;
        // Players ignore what is broken behind the configuration.
        for child in Boxes::new(fields.rest()).map_while(Result::ok) {
            match &child.kind {
                b"avcC" => coding = Coding::H264(child.body),
                b"hvcC" => coding = Coding::H265(child.body),
                b"vpcC" => coding = Coding::Vp(child.body),
                b"av1C" => coding = Coding::Av1(child.body),
                b"esds" => coding = elementary(child.body).ok_or(wrong_length(child.kind))?,
                _ => {}
            }
        }
        Ok(Self {
            format: entry.kind,
            width,
            height,
            channels: 0,
            sample_rate: 0,
            coding,
        })
    }

    fn audio(entry: &Box4<'a>) -> Result<Self, Mp4Error> {
        let mut fields = entry.fields();
        fields.skip(8)?;
        let version = fields.u16()?;
        fields.skip(6)?;
        let channels = fields.u16()?;
        fields.skip(6)?;
        let sample_rate = fields.u32()? >> 16;
        // QuickTime's longer forms.
        match version {
            1 => fields.skip(16)?,
            2 => fields.skip(36)?,
            _ => {}
        }
        let mut coding = Coding::Unknown;
        for child in Boxes::new(fields.rest()).map_while(Result::ok) {
            if child.kind == *b"esds" {
                coding = elementary(child.body).ok_or(wrong_length(child.kind))?;
            }
        }
        Ok(Self {
            format: entry.kind,
            width: 0,
            height: 0,
            channels,
            sample_rate,
            coding,
        })
    }
}

/// Reads `esds`: descriptors within descriptors.
fn elementary(body: &[u8]) -> Option<Coding<'static>> {
    const STREAM: u8 = 3;
    const DECODER: u8 = 4;
    const SPECIFIC: u8 = 5;
    let (stream, _) = descriptor(body.get(4..)?, STREAM)?;
    let flags = *stream.get(2)?;
    let mut at = 3;
    if flags & 0x80 != 0 {
        at += 2;
    }
    if flags & 0x40 != 0 {
        at += 1 + usize::from(*stream.get(at)?);
    }
    if flags & 0x20 != 0 {
        at += 2;
    }
    let (decoder, _) = descriptor(stream.get(at..)?, DECODER)?;
    let object = *decoder.first()?;
    let specific = decoder.get(13..)?;
    if !is_aac(object) || specific.is_empty() {
        return Some(Coding::Object(object));
    }
    let (config, _) = descriptor(specific, SPECIFIC)?;
    AudioConfig::parse(config).ok().map(Coding::Aac)
}

/// The body of a descriptor with this tag, and what follows it. Its length has 7 bits a byte.
fn descriptor(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, mut rest) = bytes.split_first()?;
    if *found != tag {
        return None;
    }
    let mut length = 0usize;
    for _ in 0..4 {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return rest.split_at_checked(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As FFmpeg writes it for AAC-LC, 48 kHz, stereo.
    const ESDS: [u8; 43] = [
        0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x22, 0, 2, 0, 4, 0x80, 0x80, 0x80, 0x14, 0x40, 0x15, 0,
        0, 0, 0, 1, 0xf4, 0, 0, 1, 0xf4, 0, 5, 0x80, 0x80, 0x80, 2, 0x11, 0x90, 6, 0x80, 0x80,
        0x80, 1, 2,
    ];

    #[test]
    fn an_aac_configuration_is_found_in_its_descriptors() {
        let Some(Coding::Aac(config)) = elementary(&ESDS) else {
            panic!("no AAC found");
        };
        assert_eq!((config.sample_rate, config.channels), (48_000, 2));
    }

    #[test]
    fn a_configuration_may_be_left_out() {
        let bare = [&ESDS[..16], &[13], &ESDS[17..30]].concat();
        assert_eq!(elementary(&bare), None, "the outer length counts too");
        let bare = [
            &ESDS[..8],
            &[0x1b],
            &ESDS[9..16],
            &[13],
            &ESDS[17..30],
            &ESDS[37..],
        ]
        .concat();
        assert_eq!(elementary(&bare), Some(Coding::Object(0x40)));
    }

    #[test]
    fn shortened_descriptors_are_refused() {
        for end in 0..37 {
            assert_eq!(elementary(&ESDS[..end]), None, "{end} bytes");
        }
    }
}
