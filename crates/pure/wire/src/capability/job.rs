//! What a job asks of a node, from its input and its outputs.

use streamflow_types::{
    Capability, CapabilitySet, ChromaFormat, Codec, Container, Gop, H264Profile, Profile,
};

/// Where a gateway keeps segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StorageKind {
    /// In its own memory: asks nothing of the node.
    #[default]
    Memory,
    /// In an S3 store.
    S3,
    /// In a Google store.
    Gcs,
}

/// How a decoded sample looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormat {
    /// Chroma subsampling.
    pub chroma: ChromaFormat,
    /// Bits a sample minus 8.
    pub color_depth: u8,
}

/// What a job says of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct InputFacts {
    /// Its codec.
    pub codec: Codec,
    /// Its pixel format, where known. Only H.264 inputs are told apart by it.
    pub pixel_format: Option<PixelFormat>,
    /// Whether the job carries segment parameters, as all pushed over HTTP do.
    pub is_sliced: bool,
    /// Whether signatures will be asked for.
    pub is_verified: bool,
    /// Where the gateway keeps segments.
    pub storage: StorageKind,
}

/// No node of the network decodes this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("capability: unsupported pixel format chroma={chroma} colorBits={color_depth}")]
pub struct UnsupportedPixelFormat {
    /// 0, 1, 2 for 4:2:0, 4:2:2, 4:4:4.
    pub chroma: u8,
    /// Bits a sample minus 8.
    pub color_depth: u8,
}

/// The bits a job asks for.
pub fn job_capabilities(
    input: &InputFacts,
    outputs: &[Profile],
) -> Result<CapabilitySet, UnsupportedPixelFormat> {
    let mut set: CapabilitySet = [Capability::AuthToken].into_iter().collect();
    let mut add = |capability: Capability| set.insert(capability.number());
    add(match input.codec {
        Codec::H264 => Capability::H264,
        Codec::H265 => Capability::HevcDecode,
        Codec::Vp8 => Capability::Vp8Decode,
        Codec::Vp9 => Capability::Vp9Decode,
    });
    if let (Codec::H264, Some(format)) = (input.codec, input.pixel_format) {
        of_pixel_format(format)?.into_iter().for_each(&mut add);
    }
    if input.is_sliced {
        add(Capability::SegmentSlicing);
    }
    if input.is_verified {
        add(Capability::Mpeg7Signature);
    }
    match input.storage {
        StorageKind::Memory => {}
        StorageKind::S3 => add(Capability::StorageS3),
        StorageKind::Gcs => add(Capability::StorageGcs),
    }
    outputs.iter().flat_map(of_output).for_each(add);
    Ok(set)
}

fn of_output(profile: &Profile) -> impl Iterator<Item = Capability> {
    let encoder = match profile.codec {
        Codec::H264 => Capability::H264,
        Codec::H265 => Capability::HevcEncode,
        Codec::Vp8 => Capability::Vp8Encode,
        Codec::Vp9 => Capability::Vp9Encode,
    };
    let container = match profile.container.unwrap_or_default() {
        Container::MpegTs => Capability::MpegTs,
        Container::Mp4 => Capability::Mp4,
    };
    let h264_profile = match profile.h264_profile {
        H264Profile::Default => None,
        H264Profile::Baseline => Some(Capability::H264Baseline),
        H264Profile::Main => Some(Capability::H264Main),
        H264Profile::High => Some(Capability::H264High),
        H264Profile::ConstrainedHigh => Some(Capability::H264ConstrainedHigh),
    };
    let fractional = (profile.fps.den > 0).then_some(Capability::FractionalFramerates);
    let gop = (profile.gop != Gop::Default).then_some(Capability::Gop);
    [
        Some(encoder),
        Some(container),
        h264_profile,
        fractional,
        gop,
    ]
    .into_iter()
    .flatten()
}

fn of_pixel_format(format: PixelFormat) -> Result<Option<Capability>, UnsupportedPixelFormat> {
    use ChromaFormat::{Yuv420, Yuv422, Yuv444};
    Ok(match (format.chroma, format.color_depth) {
        (Yuv420, 0) => None,
        (Yuv422, 0) => Some(Capability::H264DecodeYuv422Bit8),
        (Yuv444, 0) => Some(Capability::H264DecodeYuv444Bit8),
        (Yuv420, 2) => Some(Capability::H264DecodeYuv420Bit10),
        (Yuv422, 2) => Some(Capability::H264DecodeYuv422Bit10),
        (Yuv444, 2) => Some(Capability::H264DecodeYuv444Bit10),
        (chroma, color_depth) => {
            let chroma = match chroma {
                Yuv420 => 0,
                Yuv422 => 1,
                Yuv444 => 2,
            };
            return Err(UnsupportedPixelFormat {
                chroma,
                color_depth,
            });
        }
    })
}
