//! Reads a container held in memory. The format is the caller's choice, never the library's, and
//! nothing but the given bytes can be opened.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

use ffmpeg_sys_next as ffi;
use streamflow_types::{Container, TranscodeFailure};

use super::reader::{Reader, is_cancelled, read, refuse_open, seek};
use super::{Dictionary, Packet, Rational, Refusal, check};
use crate::control::Cancel;

/// Bytes handed to the demuxer at once.
const READ_BLOCK: usize = 64 << 10;

/// Streams looked at in one segment; real ones have two or three.
const MAX_STREAMS: &str = "32";

/// Decoders the library may open, all others are kept out of reach of foreign bytes. Video of
/// other codecs is refused; sound of others can still be passed on where its container says all.
pub(super) const DECODERS: &str = "h264,hevc,vp8,vp9,libdav1d,libaom-av1,av1,\
    aac,aac_latm,mp3float,mp3,mp2float,mp2,mp1float,mp1,ac3,eac3,opus,libopus,flac,alac,\
    pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be";

/// An open container.
pub(crate) struct Input<'a> {
    context: *mut ffi::AVFormatContext,
    io: *mut ffi::AVIOContext,
    reader: *mut Reader,
    bytes: PhantomData<&'a [u8]>,
}

// SAFETY: everything inside is owned by this value and used by one thread at a time.
unsafe impl Send for Input<'_> {}

/// What kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamKind {
    Video,
    Audio,
}

/// What is known of a stream before any of it was decoded.
#[derive(Clone, Debug)]
pub(crate) struct StreamInfo {
    pub(crate) index: i32,
    pub(crate) kind: StreamKind,
    codec: ffi::AVCodecID,
    pub(crate) time_base: Rational,
    /// Pictures a second, where it could be guessed.
    pub(crate) rate: Option<Rational>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Whether it is video of a codec that jobs may bring.
    pub(crate) is_known: bool,
    /// Whether the format of samples or pixels is known.
    pub(crate) has_format: bool,
    pub(crate) sample_rate: i32,
    pub(crate) channels: i32,
    /// How its pictures are to be turned when shown.
    pub(crate) matrix: Option<DisplayMatrix>,
}

impl StreamInfo {
    /// Whether its packets can stand in a container so that players find them there.
    pub(crate) const fn fits(&self, container: Container) -> bool {
        use ffi::AVCodecID::*;
        matches!(
            (self.codec, container),
            (AV_CODEC_ID_H264 | AV_CODEC_ID_HEVC, _)
                | (AV_CODEC_ID_VP9 | AV_CODEC_ID_AV1, Container::Mp4)
                | (AV_CODEC_ID_AAC | AV_CODEC_ID_MP2 | AV_CODEC_ID_MP3, _)
                | (AV_CODEC_ID_AC3 | AV_CODEC_ID_EAC3 | AV_CODEC_ID_OPUS, _)
                | (
                    AV_CODEC_ID_AAC_LATM | AV_CODEC_ID_MP1 | AV_CODEC_ID_DTS,
                    Container::MpegTs
                )
                | (AV_CODEC_ID_ALAC, Container::Mp4)
        )
    }

    /// Whether enough is known of it to pass it on.
    pub(crate) fn can_be_copied(&self) -> bool {
        match self.kind {
            StreamKind::Video => self.is_known && self.width > 0 && self.height > 0,
            StreamKind::Audio => self.sample_rate > 0 && self.channels > 0,
        }
    }
}

impl<'a> Input<'a> {
    /// Opens the bytes as this container and looks for its streams.
    pub(crate) fn open(
        bytes: &'a [u8],
        container: Container,
        options: &[(String, String)],
        max_pixels: u64,
        cancel: &Cancel,
    ) -> Result<Self, TranscodeFailure> {
        let mut input = Self::attach(bytes, cancel)?;
        input
            .read_header(container, options)
            .and_then(|()| input.find_streams(max_pixels))
            .map_err(|failure| match (failure, container) {
                // Whole packets that open no stream.
                (TranscodeFailure::InvalidVideo, Container::MpegTs) => {
                    TranscodeFailure::InvalidArgument
                }
                (failure, _) => failure,
            })?;
        Ok(input)
    }

    fn attach(bytes: &'a [u8], cancel: &Cancel) -> Result<Self, Refusal> {
        let reader = Box::into_raw(Box::new(Reader::new(bytes, cancel)));
        let mut input = Self {
            context: ptr::null_mut(),
            io: ptr::null_mut(),
            reader,
            bytes: PhantomData,
        };
        // SAFETY: the block is the library's from here on; the reader outlives the context, which
        // `drop` frees first. Null is checked.
        unsafe {
            let block = ffi::av_malloc(READ_BLOCK);
            if block.is_null() {
                return Err(Refusal::NO_MEMORY);
            }
            input.io = ffi::avio_alloc_context(
                block.cast(),
                READ_BLOCK as c_int,
                0,
                reader.cast(),
                Some(read),
                None,
                Some(seek),
            );
            if input.io.is_null() {
                ffi::av_free(block);
                return Err(Refusal::NO_MEMORY);
            }
            input.context = ffi::avformat_alloc_context();
            if input.context.is_null() {
                return Err(Refusal::NO_MEMORY);
            }
            let context = &mut *input.context;
            context.pb = input.io;
            context.flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
            context.io_open = Some(refuse_open);
            context.interrupt_callback = ffi::AVIOInterruptCB {
                callback: Some(is_cancelled),
                opaque: reader.cast(),
            };
        }
        Ok(input)
    }

    fn read_header(
        &mut self,
        container: Container,
        further: &[(String, String)],
    ) -> Result<(), TranscodeFailure> {
        let name = match container {
            Container::MpegTs => c"mpegts",
            Container::Mp4 => c"mp4",
        };
        let mut options = Dictionary::new();
        for (name, value) in further {
            options.set(name, value)?;
        }
        // Set last: what holds for foreign bytes is not open to choice.
        options.set("max_streams", MAX_STREAMS)?;
        options.set("protocol_whitelist", "")?;
        options.set("codec_whitelist", DECODERS)?;
        if container == Container::Mp4 {
            options.set("enable_drefs", "0")?;
            options.set("use_absolute_path", "0")?;
        }
        // SAFETY: the name is terminated; a context that fails to open is freed by the library,
        // which sets our pointer to null.
        unsafe {
            let format = ffi::av_find_input_format(name.as_ptr());
            if format.is_null() {
                return Err(TranscodeFailure::DemuxerNotFound);
            }
            check(ffi::avformat_open_input(
                &mut self.context,
                c"".as_ptr(),
                format,
                options.as_mut_ptr(),
            ))
            .map_err(|_| TranscodeFailure::InvalidVideo)?;
        }
        options.all_taken()
    }

    /// Reads until codecs are known. Decoders opened for that are held to the picture gate too.
    fn find_streams(&mut self, max_pixels: u64) -> Result<(), TranscodeFailure> {
        let mut gate = Dictionary::new();
        gate.set("max_pixels", &max_pixels.to_string())?;
        gate.set("threads", "1")?;
        let count = self.stream_count();
        let mut options: Vec<*mut ffi::AVDictionary> = vec![ptr::null_mut(); count];
        for each in &mut options {
            gate.copied_into(each);
        }
        // SAFETY: one dictionary for each stream there is; all are freed below.
        let found = unsafe {
            let found = ffi::avformat_find_stream_info(self.context, options.as_mut_ptr());
            for each in &mut options {
                ffi::av_dict_free(each);
            }
            found
        };
        check(found).map_err(|_| TranscodeFailure::InvalidVideo)?;
        Ok(())
    }

    /// The best stream of a kind, with all others of the kind ignored.
    pub(crate) fn stream(&self, kind: StreamKind) -> Option<StreamInfo> {
        let media = match kind {
            StreamKind::Video => ffi::AVMediaType::AVMEDIA_TYPE_VIDEO,
            StreamKind::Audio => ffi::AVMediaType::AVMEDIA_TYPE_AUDIO,
        };
        // SAFETY: the context is open; a stream index given by the library is in range.
        unsafe {
            let index = ffi::av_find_best_stream(self.context, media, -1, -1, ptr::null_mut(), 0);
            let place = usize::try_from(index).ok()?;
            let stream = *(*self.context).streams.add(place);
            let parameters = &*(*stream).codecpar;
            let rate = ffi::av_guess_frame_rate(self.context, stream, ptr::null_mut());
            Some(StreamInfo {
                index,
                kind,
                codec: parameters.codec_id,
                time_base: (*stream).time_base,
                rate: (rate.num > 0 && rate.den > 0).then_some(rate),
                width: u32::try_from(parameters.width).unwrap_or(0),
                height: u32::try_from(parameters.height).unwrap_or(0),
                is_known: is_known(parameters.codec_id),
                has_format: parameters.format >= 0,
                sample_rate: parameters.sample_rate,
                channels: parameters.ch_layout.nb_channels,
                matrix: matrix_of(stream),
            })
        }
    }

    /// Ignores packets of every stream but these.
    pub(crate) fn keep_only(&mut self, keep: &[i32]) {
        for place in 0..self.stream_count() {
            // SAFETY: the place is in range.
            unsafe {
                let stream = *(*self.context).streams.add(place);
                if !keep.contains(&(*stream).index) {
                    (*stream).discard = ffi::AVDiscard::AVDISCARD_ALL;
                }
            }
        }
    }

    /// How long it plays, where the container or its times say.
    pub(crate) fn duration(&self) -> Duration {
        // SAFETY: the context is open.
        let micros = unsafe { (*self.context).duration };
        u64::try_from(micros).map_or(Duration::ZERO, Duration::from_micros)
    }

    pub(crate) fn stream_count(&self) -> usize {
        // SAFETY: the context is open.
        unsafe { (*self.context).nb_streams as usize }
    }

    /// The next packet; `false` at the end. Damage the demuxer cannot step over is an end too; a
    /// want of memory is none, and is the only refusal.
    pub(crate) fn read(&mut self, packet: &mut Packet) -> Result<bool, Refusal> {
        packet.clear();
        // SAFETY: both are valid.
        match check(unsafe { ffi::av_read_frame(self.context, packet.as_mut_ptr()) }) {
            Err(refusal) if refusal.is_memory() => Err(refusal),
            read => Ok(read.is_ok()),
        }
    }

    /// A stream's description, for a decoder or a muxer.
    pub(super) fn parameters(&self, stream: &StreamInfo) -> *const ffi::AVCodecParameters {
        let place = usize::try_from(stream.index).unwrap_or(0);
        // SAFETY: stream descriptions are made by `stream` from indices in range.
        unsafe { (**(*self.context).streams.add(place)).codecpar }
    }
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        // SAFETY: all three are ours. Closing does not free a caller's I/O; its block may have
        // been replaced by the library, so it is taken from the context.
        unsafe {
            ffi::avformat_close_input(&mut self.context);
            if !self.io.is_null() {
                ffi::av_freep((&raw mut (*self.io).buffer).cast());
                ffi::avio_context_free(&mut self.io);
            }
            drop(Box::from_raw(self.reader));
        }
    }
}

/// Whether jobs may bring video of this codec.
const fn is_known(codec: ffi::AVCodecID) -> bool {
    matches!(
        codec,
        ffi::AVCodecID::AV_CODEC_ID_H264
            | ffi::AVCodecID::AV_CODEC_ID_HEVC
            | ffi::AVCodecID::AV_CODEC_ID_VP8
            | ffi::AVCodecID::AV_CODEC_ID_VP9
            | ffi::AVCodecID::AV_CODEC_ID_AV1
    )
}

/// How a decoded picture is to be turned and placed to be shown: nine numbers of the standard.
pub(crate) type DisplayMatrix = [i32; 9];

/// Quarter turns clockwise in a display matrix; other angles and flips count as none.
pub(crate) fn quarter_turns(matrix: &DisplayMatrix) -> u8 {
    // SAFETY: the matrix has nine numbers.
    let angle = unsafe { ffi::av_display_rotation_get(matrix.as_ptr()) };
    if !angle.is_finite() {
        return 0;
    }
    // The library measures counter-clockwise.
    let quarters = (-angle / 90.0).round();
    if (quarters * 90.0 + angle).abs() > 1.0 {
        return 0;
    }
    (quarters as i32).rem_euclid(4) as u8
}

/// A stream's display matrix.
unsafe fn matrix_of(stream: *const ffi::AVStream) -> Option<DisplayMatrix> {
    // SAFETY: the stream is valid; the data has the size it says, which is checked.
    unsafe {
        let (data, size) = display_matrix(stream);
        if data.is_null() || size < size_of::<DisplayMatrix>() {
            return None;
        }
        Some(data.cast::<DisplayMatrix>().read_unaligned())
    }
}

#[cfg(not(ffmpeg_6_1))]
unsafe fn display_matrix(stream: *const ffi::AVStream) -> (*const u8, usize) {
    let mut size = 0;
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    // SAFETY: the stream is valid.
    let data = unsafe { ffi::av_stream_get_side_data(stream, kind, &mut size) };
    (data, size)
}

#[cfg(ffmpeg_6_1)]
unsafe fn display_matrix(stream: *const ffi::AVStream) -> (*const u8, usize) {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    // SAFETY: the stream is valid and its list has the length it says.
    unsafe {
        let parameters = &*(*stream).codecpar;
        let found = ffi::av_packet_side_data_get(
            parameters.coded_side_data,
            parameters.nb_coded_side_data,
            kind,
        );
        if found.is_null() {
            return (ptr::null(), 0);
        }
        ((*found).data, (*found).size)
    }
}

/// Whether the library reads this container.
pub(crate) fn can_read(name: &CStr) -> bool {
    // SAFETY: the name is terminated.
    unsafe { !ffi::av_find_input_format(name.as_ptr()).is_null() }
}
