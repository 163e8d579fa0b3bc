//! Decoders and encoders.

use std::ffi::CString;
use std::ptr;

use ffmpeg_sys_next as ffi;
use streamflow_types::TranscodeFailure;

use super::input::DECODERS;
use super::{
    CardFrames, Device, Dictionary, Frame, Input, Packet, Rational, Refusal, StreamInfo, check,
};

/// One open decoder or encoder.
struct Context(*mut ffi::AVCodecContext);

// SAFETY: owned by one thread at a time.
unsafe impl Send for Context {}

impl Context {
    fn new(codec: *const ffi::AVCodec) -> Result<Self, Refusal> {
        // SAFETY: the codec is one the library gave; null is checked.
        let context = unsafe { ffi::avcodec_alloc_context3(codec) };
        if context.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(Self(context))
    }

    fn fields(&self) -> &ffi::AVCodecContext {
        // SAFETY: valid by construction.
        unsafe { &*self.0 }
    }

    fn fields_mut(&mut self) -> &mut ffi::AVCodecContext {
        // SAFETY: valid by construction, and borrowed mutably.
        unsafe { &mut *self.0 }
    }

    fn open(&mut self, options: &mut Dictionary) -> Result<(), TranscodeFailure> {
        // SAFETY: the context was made for its codec, which it remembers.
        check(unsafe { ffi::avcodec_open2(self.0, ptr::null(), options.as_mut_ptr()) })?;
        options.all_taken()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { ffi::avcodec_free_context(&mut self.0) };
    }
}

/// Turns packets into pictures or sound, on the calling thread.
pub(crate) struct Decoder(Context);

impl Decoder {
    /// A decoder for a stream. A strict one refuses what others would conceal.
    pub(crate) fn open(
        input: &Input<'_>,
        stream: &StreamInfo,
        max_pixels: u64,
        strict: bool,
    ) -> Result<Self, TranscodeFailure> {
        Self::open_on(input, stream, max_pixels, strict, None)
    }

    /// The same on a card, with so many pictures that the caller may hold at once. What the card's
    /// decoder does not take is decoded by the processor.
    pub(crate) fn open_on(
        input: &Input<'_>,
        stream: &StreamInfo,
        max_pixels: u64,
        strict: bool,
        card: Option<(&Device, usize)>,
    ) -> Result<Self, TranscodeFailure> {
        let parameters = input.parameters(stream);
        // SAFETY: the parameters belong to the open input.
        let codec = unsafe { ffi::avcodec_find_decoder((*parameters).codec_id) };
        if codec.is_null() {
            return Err(TranscodeFailure::UnsupportedCodec);
        }
        let mut context = Context::new(codec)?;
        // SAFETY: both valid.
        check(unsafe { ffi::avcodec_parameters_to_context(context.0, parameters) })?;
        let fields = context.fields_mut();
        fields.pkt_timebase = stream.time_base;
        fields.thread_count = 1;
        fields.max_pixels = i64::try_from(max_pixels).unwrap_or(i64::MAX);
        if strict {
            fields.err_recognition =
                ffi::AV_EF_CRCCHECK | ffi::AV_EF_BITSTREAM | ffi::AV_EF_EXPLODE;
        }
        if let Some((device, held)) = card {
            fields.hw_device_ctx = device.to_raw()?;
            fields.extra_hw_frames = i32::try_from(held).unwrap_or(i32::MAX);
        }
        let mut options = Dictionary::new();
        options.set("codec_whitelist", DECODERS)?;
        context.open(&mut options)?;
        Ok(Self(context))
    }

    /// What a refusal means when it is none of the input's: no memory, or a card that failed.
    pub(crate) fn failure(&self, refusal: Refusal) -> Option<TranscodeFailure> {
        let on_card = !self.0.fields().hw_device_ctx.is_null();
        match on_card && (refusal.is_memory() || refusal.is_external()) {
            true => Some(TranscodeFailure::InvalidHardware),
            false => refusal.is_memory().then(|| refusal.into()),
        }
    }

    /// Gives it a packet, or none to say that no more will come.
    pub(crate) fn send(&mut self, packet: Option<&Packet>) -> Result<(), Refusal> {
        let packet = packet.map_or(ptr::null(), Packet::as_ptr);
        // SAFETY: the packet is valid or null, which means the end.
        check(unsafe { ffi::avcodec_send_packet(self.0.0, packet) }).map(drop)
    }

    /// The next frame, where there is one.
    pub(crate) fn receive(&mut self) -> Result<Frame, Refusal> {
        let mut frame = Frame::new()?;
        // SAFETY: both valid.
        check(unsafe { ffi::avcodec_receive_frame(self.0.0, frame.as_mut_ptr()) })?;
        Ok(frame)
    }
}

/// What a picture says about itself beside its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    sample_shape: Rational,
    range: ffi::AVColorRange,
    primaries: ffi::AVColorPrimaries,
    transfer: ffi::AVColorTransferCharacteristic,
    matrix: ffi::AVColorSpace,
    chroma: ffi::AVChromaLocation,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            sample_shape: super::rational(1, 1),
            range: ffi::AVColorRange::AVCOL_RANGE_MPEG,
            primaries: ffi::AVColorPrimaries::AVCOL_PRI_UNSPECIFIED,
            transfer: ffi::AVColorTransferCharacteristic::AVCOL_TRC_UNSPECIFIED,
            matrix: ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED,
            chroma: ffi::AVChromaLocation::AVCHROMA_LOC_LEFT,
        }
    }
}

impl Looks {
    /// Those of this picture.
    pub(crate) fn of(frame: &Frame) -> Self {
        let fields = frame.fields();
        Self {
            sample_shape: fields.sample_aspect_ratio,
            range: fields.color_range,
            primaries: fields.color_primaries,
            transfer: fields.color_trc,
            // RGB has no place in a 4:2:0 stream.
            matrix: match fields.colorspace {
                ffi::AVColorSpace::AVCOL_SPC_RGB => ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED,
                matrix => matrix,
            },
            chroma: fields.chroma_location,
        }
    }
}

/// What a video encoder is opened for.
#[derive(Clone, Debug)]
pub(crate) struct VideoShape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) looks: Looks,
    /// One tick is one picture at the nominal rate.
    pub(crate) tick: Rational,
    /// Bits a second; 0 leaves it to the encoder.
    pub(crate) bitrate: u32,
    /// The bit rate is a ceiling, not what is aimed at.
    pub(crate) holds_quality: bool,
    /// Pictures between key frames; `None` is the encoder's default.
    pub(crate) gop: Option<u32>,
    pub(crate) b_frames: u32,
    /// 1, or more for that many slices encoded side by side.
    pub(crate) threads: u32,
    /// Headers go into the container, not the stream.
    pub(crate) headers_apart: bool,
    /// Where pictures come from that lie on a card; `None` for pictures in memory.
    pub(crate) frames: Option<CardFrames>,
}

/// What an audio encoder is opened for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AudioShape {
    pub(crate) sample_rate: i32,
    pub(crate) channels: i32,
    pub(crate) bitrate: i64,
    pub(crate) headers_apart: bool,
}

/// Turns pictures or sound into packets, on the calling thread and those it was given.
pub(crate) struct Encoder(Context);

/// An encoder by the library's name.
pub(crate) fn find_encoder(name: &str) -> Option<*const ffi::AVCodec> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is terminated.
    let codec = unsafe { ffi::avcodec_find_encoder_by_name(name.as_ptr()) };
    (!codec.is_null()).then_some(codec)
}

/// How many of these options an encoder does not know, asked without opening it.
#[cfg(test)]
pub(crate) fn unknown_options(
    codec: *const ffi::AVCodec,
    options: &mut Dictionary,
) -> Result<i32, Refusal> {
    let context = Context::new(codec)?;
    // SAFETY: the context was made for its codec and has that codec's options behind it.
    unsafe {
        let own = context.fields().priv_data;
        check(ffi::av_opt_set_dict(own, options.as_mut_ptr()))?;
        Ok(ffi::av_dict_count(*options.as_mut_ptr()))
    }
}

/// Whether a decoder of this name is built in.
pub(crate) fn has_decoder(name: &str) -> bool {
    // SAFETY: the name is terminated.
    CString::new(name)
        .is_ok_and(|name| unsafe { !ffi::avcodec_find_decoder_by_name(name.as_ptr()).is_null() })
}

impl Encoder {
    /// Opens a video encoder; `options` are those of the encoder itself, all of which it must
    /// know.
    pub(crate) fn open_video(
        name: &str,
        shape: &VideoShape,
        options: Dictionary,
    ) -> Result<Self, TranscodeFailure> {
        Self::open_video_on(name, shape, options, None)
    }

    /// The same, for an encoder of a card.
    pub(crate) fn open_video_on(
        name: &str,
        shape: &VideoShape,
        mut options: Dictionary,
        device: Option<&Device>,
    ) -> Result<Self, TranscodeFailure> {
        let codec = find_encoder(name).ok_or(TranscodeFailure::EncoderNotFound)?;
        let mut context = Context::new(codec)?;
        let fields = context.fields_mut();
        fields.width = i32::try_from(shape.width).unwrap_or(i32::MAX);
        fields.height = i32::try_from(shape.height).unwrap_or(i32::MAX);
        fields.pix_fmt = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P;
        if let Some(frames) = &shape.frames {
            fields.pix_fmt = ffi::AVPixelFormat::AV_PIX_FMT_CUDA;
            fields.hw_frames_ctx = frames.to_raw()?;
        } else if let Some(device) = device {
            fields.hw_device_ctx = device.to_raw()?;
        }
        fields.sample_aspect_ratio = shape.looks.sample_shape;
        fields.color_range = shape.looks.range;
        fields.color_primaries = shape.looks.primaries;
        fields.color_trc = shape.looks.transfer;
        fields.colorspace = shape.looks.matrix;
        fields.chroma_sample_location = shape.looks.chroma;
        fields.time_base = shape.tick;
        fields.framerate = super::rational(shape.tick.den, shape.tick.num);
        fields.bit_rate = i64::from(shape.bitrate);
        if !shape.holds_quality {
            fields.rc_min_rate = i64::from(shape.bitrate);
        }
        fields.rc_max_rate = i64::from(shape.bitrate);
        fields.rc_buffer_size = i32::try_from(shape.bitrate).unwrap_or(i32::MAX);
        if let Some(gop) = shape.gop {
            fields.gop_size = i32::try_from(gop).unwrap_or(i32::MAX);
        }
        fields.max_b_frames = i32::try_from(shape.b_frames).unwrap_or(0);
        fields.thread_count = i32::try_from(shape.threads).unwrap_or(1);
        fields.thread_type = ffi::FF_THREAD_SLICE;
        fields.flags |= ffi::AV_CODEC_FLAG_CLOSED_GOP as i32;
        if shape.headers_apart {
            fields.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
        }
        context.open(&mut options)?;
        Ok(Self(context))
    }

    /// Opens an AAC encoder.
    pub(crate) fn open_aac(shape: &AudioShape) -> Result<Self, TranscodeFailure> {
        let codec = find_encoder("aac").ok_or(TranscodeFailure::EncoderNotFound)?;
        let mut context = Context::new(codec)?;
        let fields = context.fields_mut();
        fields.sample_fmt = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP;
        fields.sample_rate = shape.sample_rate;
        fields.bit_rate = shape.bitrate;
        fields.time_base = super::rational(1, shape.sample_rate);
        fields.thread_count = 1;
        // SAFETY: an empty layout is filled in place.
        unsafe { ffi::av_channel_layout_default(&mut fields.ch_layout, shape.channels) };
        if shape.headers_apart {
            fields.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
        }
        context.open(&mut Dictionary::new())?;
        Ok(Self(context))
    }

    /// Gives it a frame, or none to say that no more will come.
    pub(crate) fn send(&mut self, frame: Option<&Frame>) -> Result<(), Refusal> {
        let frame = frame.map_or(ptr::null(), Frame::as_ptr);
        // SAFETY: the frame is valid or null, which means the end.
        check(unsafe { ffi::avcodec_send_frame(self.0.0, frame) }).map(drop)
    }

    /// The next packet, where there is one.
    pub(crate) fn receive(&mut self) -> Result<Packet, Refusal> {
        let mut packet = Packet::new()?;
        // SAFETY: both valid.
        check(unsafe { ffi::avcodec_receive_packet(self.0.0, packet.as_mut_ptr()) })?;
        Ok(packet)
    }

    /// What a refusal means: with a card behind the encoder never the input's fault.
    pub(crate) fn failure(&self, refusal: Refusal) -> TranscodeFailure {
        let fields = self.0.fields();
        match fields.hw_device_ctx.is_null() && fields.hw_frames_ctx.is_null() {
            true => refusal.into(),
            false => TranscodeFailure::InvalidHardware,
        }
    }

    /// How many pictures may be decoded ahead of one shown before them.
    pub(crate) fn reorder_depth(&self) -> u32 {
        u32::try_from(self.0.fields().has_b_frames).unwrap_or(0)
    }

    /// Samples in each frame it wants.
    pub(crate) fn frame_size(&self) -> i32 {
        self.0.fields().frame_size
    }

    /// Samples it puts before the first.
    pub(crate) fn initial_padding(&self) -> i32 {
        self.0.fields().initial_padding
    }

    pub(super) fn context(&self) -> *const ffi::AVCodecContext {
        self.0.0
    }
}
