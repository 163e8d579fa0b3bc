//! Writes a container into memory.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_sys_next as ffi;
use streamflow_media::plan::timestamps::MuxTimes;
use streamflow_types::{Container, TranscodeFailure};

use super::sink::{Sink, close_again, close_cursor, open_again, open_cursor};
use super::{
    Dictionary, DisplayMatrix, Encoder, Input, NO_TIME, Packet, Rational, Refusal, StreamInfo,
    check,
};

/// A container being written.
pub(crate) struct Output {
    context: *mut ffi::AVFormatContext,
    io: *mut ffi::AVIOContext,
    /// On the heap and behind a raw pointer, since the library keeps its address.
    sink: *mut Sink,
    container: Container,
    /// What keeps the times of each stream in order.
    times: Vec<MuxTimes>,
}

// SAFETY: everything inside is owned by this value and used by one thread at a time.
unsafe impl Send for Output {}

/// A stream of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamId(usize);

impl Output {
    /// An empty container of at most so many bytes.
    pub(crate) fn new(
        container: Container,
        limit: usize,
        metadata: &str,
    ) -> Result<Self, TranscodeFailure> {
        let sink = Box::into_raw(Box::new(Sink::new(limit)));
        let mut output = Self {
            context: ptr::null_mut(),
            io: ptr::null_mut(),
            sink,
            container,
            times: Vec::new(),
        };
        let name = match container {
            Container::MpegTs => c"mpegts",
            Container::Mp4 => c"mp4",
        };
        // SAFETY: the name is terminated; what is made is freed in `drop`.
        unsafe {
            check(ffi::avformat_alloc_output_context2(
                &mut output.context,
                ptr::null(),
                name.as_ptr(),
                ptr::null(),
            ))
            .map_err(|_| TranscodeFailure::MuxerNotFound)?;
            output.io = open_cursor(sink, true)?;
            let context = &mut *output.context;
            context.pb = output.io;
            context.opaque = sink.cast();
            context.flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
            context.io_open = Some(open_again);
            context.io_close2 = Some(close_again);
            // Times are ours; the muxer must not shift them.
            context.avoid_negative_ts = 0;
            let mut named = Dictionary::new();
            if !metadata.is_empty() {
                match container {
                    Container::MpegTs => named.set("service_provider", metadata)?,
                    Container::Mp4 => {
                        named.set("comment", &format!("Processed by {metadata}"))?;
                    }
                }
                named.copied_into(&mut context.metadata);
            }
        }
        Ok(output)
    }

    /// A stream fed by an encoder; its packets will have times in `tick`s.
    pub(crate) fn add_encoded(
        &mut self,
        encoder: &Encoder,
        tick: Rational,
    ) -> Result<StreamId, TranscodeFailure> {
        let stream = self.new_stream(tick)?;
        // SAFETY: both belong to live objects.
        unsafe {
            let context = encoder.context();
            check(ffi::avcodec_parameters_from_context(
                (*stream).codecpar,
                context,
            ))?;
            (*stream).avg_frame_rate = (*context).framerate;
            (*stream).sample_aspect_ratio = (*context).sample_aspect_ratio;
            let parameters = &mut *(*stream).codecpar;
            if parameters.codec_id == ffi::AVCodecID::AV_CODEC_ID_HEVC
                && self.container == Container::Mp4
            {
                // The one name all players take.
                parameters.codec_tag = u32::from_le_bytes(*b"hvc1");
            }
        }
        Ok(StreamId(self.times.len() - 1))
    }

    /// Says how pictures of a stream are to be turned when shown. MPEG-TS has no place for it.
    pub(crate) fn set_matrix(
        &mut self,
        stream: StreamId,
        matrix: &DisplayMatrix,
    ) -> Result<(), Refusal> {
        let size = size_of::<DisplayMatrix>();
        // SAFETY: stream ids are handed out by this output only; the copy becomes the stream's.
        unsafe {
            let stream = *(*self.context).streams.add(stream.0);
            let copy = ffi::av_memdup(matrix.as_ptr().cast(), size);
            if copy.is_null() {
                return Err(Refusal::NO_MEMORY);
            }
            if !attach_matrix(stream, copy.cast(), size) {
                ffi::av_free(copy);
                return Err(Refusal::NO_MEMORY);
            }
        }
        Ok(())
    }

    /// A stream fed with packets of an input's stream.
    pub(crate) fn add_copied(
        &mut self,
        input: &Parameters,
        tick: Rational,
    ) -> Result<StreamId, TranscodeFailure> {
        let stream = self.new_stream(tick)?;
        // SAFETY: both belong to live objects. The tag is the input container's, not ours.
        unsafe {
            check(ffi::avcodec_parameters_copy((*stream).codecpar, input.0))?;
            (*(*stream).codecpar).codec_tag = 0;
            (*stream).sample_aspect_ratio = (*input.0).sample_aspect_ratio;
        }
        Ok(StreamId(self.times.len() - 1))
    }

    fn new_stream(&mut self, tick: Rational) -> Result<*mut ffi::AVStream, Refusal> {
        // SAFETY: the context is valid; null is checked.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context, ptr::null());
            if stream.is_null() {
                return Err(Refusal::NO_MEMORY);
            }
            (*stream).time_base = tick;
            self.times.push(MuxTimes::new());
            Ok(stream)
        }
    }

    /// Writes the header. Streams cannot be added afterwards.
    pub(crate) fn start(&mut self, further: &[(String, String)]) -> Result<(), TranscodeFailure> {
        let mut options = Dictionary::new();
        match self.container {
            Container::MpegTs => options.set("mpegts_copyts", "1")?,
            Container::Mp4 => {
                options.set("movflags", "+faststart")?;
                // Start offsets are kept in these; the default would round them to milliseconds.
                options.set("movie_timescale", "90000")?;
            }
        }
        for (name, value) in further {
            options.set(name, value)?;
        }
        // SAFETY: the context has its streams and its I/O.
        let started = unsafe { ffi::avformat_write_header(self.context, options.as_mut_ptr()) };
        self.checked(started)?;
        options.all_taken()
    }

    /// Writes a packet whose times are in `tick`s, with decoding times made to grow.
    pub(crate) fn write(
        &mut self,
        stream: StreamId,
        packet: &mut Packet,
        tick: Rational,
    ) -> Result<(), TranscodeFailure> {
        // SAFETY: stream ids are handed out by this output only.
        let target = unsafe { (**(*self.context).streams.add(stream.0)).time_base };
        packet.rescale(tick, target);
        let known = |time: i64| (time != NO_TIME).then_some(time);
        let (pts, dts) = (known(packet.pts()), known(packet.dts()));
        let times = &mut self.times[stream.0];
        let (pts, dts) = match pts.or(dts) {
            Some(pts) => times.next(pts, dts),
            // Without any time it follows the packet before it.
            None => times.next(i64::MIN, None),
        };
        packet.set_times(pts, dts, packet.duration());
        packet.set_stream(stream.0 as i32);
        // SAFETY: both valid; the library takes the packet's data over.
        let written = unsafe { ffi::av_interleaved_write_frame(self.context, packet.as_mut_ptr()) };
        self.checked(written)
    }

    /// Writes what is left and hands out the container's bytes.
    pub(crate) fn finish(self) -> Result<Vec<u8>, TranscodeFailure> {
        // SAFETY: the header was written; the library flushes its blocks into the sink.
        let ended = unsafe {
            let ended = ffi::av_write_trailer(self.context);
            ffi::avio_flush(self.io);
            ended
        };
        self.checked(ended)?;
        // SAFETY: no callback runs now.
        Ok(unsafe { (*self.sink).take() })
    }

    /// A full sink is told from the library's own failures.
    fn checked(&self, code: c_int) -> Result<(), TranscodeFailure> {
        // SAFETY: the sink lives as long as this value; no callback runs now.
        if unsafe { (*self.sink).is_full() } {
            return Err(TranscodeFailure::Other(
                "output grew past the bound its bit rate sets".to_owned(),
            ));
        }
        check(code)?;
        Ok(())
    }
}

#[cfg(not(ffmpeg_6_1))]
unsafe fn attach_matrix(stream: *mut ffi::AVStream, data: *mut u8, size: usize) -> bool {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    // SAFETY: the stream is valid and takes the data over when it succeeds.
    unsafe { ffi::av_stream_add_side_data(stream, kind, data, size) >= 0 }
}

#[cfg(ffmpeg_6_1)]
unsafe fn attach_matrix(stream: *mut ffi::AVStream, data: *mut u8, size: usize) -> bool {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    // SAFETY: the stream is valid and takes the data over when it succeeds.
    unsafe {
        let parameters = &mut *(*stream).codecpar;
        let list = &mut parameters.coded_side_data;
        let count = &mut parameters.nb_coded_side_data;
        !ffi::av_packet_side_data_add(list, count, kind, data.cast(), size, 0).is_null()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: all three are ours; contexts are freed before the sink they write to.
        unsafe {
            ffi::avformat_free_context(self.context);
            close_cursor(self.io);
            drop(Box::from_raw(self.sink));
        }
    }
}

/// A copy of a stream's description, for threads that outlive their hold on the input.
pub(crate) struct Parameters(*mut ffi::AVCodecParameters);

// SAFETY: made once, then only read.
unsafe impl Send for Parameters {}
// SAFETY: as above.
unsafe impl Sync for Parameters {}

impl Parameters {
    /// Those of an input's stream.
    pub(crate) fn of(input: &Input<'_>, stream: &StreamInfo) -> Result<Self, Refusal> {
        let copy = Self::empty()?;
        // SAFETY: both are valid; the source belongs to the open input.
        check(unsafe { ffi::avcodec_parameters_copy(copy.0, input.parameters(stream)) })?;
        Ok(copy)
    }

    /// Those of what an encoder makes.
    pub(crate) fn of_encoder(encoder: &Encoder) -> Result<Self, Refusal> {
        let copy = Self::empty()?;
        // SAFETY: both are valid.
        check(unsafe { ffi::avcodec_parameters_from_context(copy.0, encoder.context()) })?;
        Ok(copy)
    }

    /// Whether the other is of the same codec.
    pub(crate) fn has_codec_of(&self, other: &Self) -> bool {
        // SAFETY: both are valid.
        unsafe { (*self.0).codec_id == (*other.0).codec_id }
    }

    /// Whether the other is of the same codec, with the same headers beside its packets.
    pub(crate) fn has_headers_of(&self, other: &Self) -> bool {
        self.has_codec_of(other) && self.headers() == other.headers()
    }

    fn headers(&self) -> &[u8] {
        // SAFETY: valid; the headers have the length it says.
        unsafe {
            let parameters = &*self.0;
            match usize::try_from(parameters.extradata_size) {
                Ok(length) if !parameters.extradata.is_null() => {
                    std::slice::from_raw_parts(parameters.extradata, length)
                }
                _ => &[],
            }
        }
    }

    fn empty() -> Result<Self, Refusal> {
        // SAFETY: allocates; null is checked.
        let made = Self(unsafe { ffi::avcodec_parameters_alloc() });
        if made.0.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(made)
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { ffi::avcodec_parameters_free(&mut self.0) };
    }
}
