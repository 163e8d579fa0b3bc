//! Writes a container into memory.

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use ffmpeg_sys_next as ffi;
use streamflow_media::plan::timestamps::MuxTimes;
use streamflow_types::{Container, TranscodeFailure};

use super::{Dictionary, Encoder, Input, NO_TIME, Packet, Rational, Refusal, StreamInfo, check};

/// Bytes collected before they reach the sink.
const WRITE_BLOCK: usize = 64 << 10;

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

/// The bytes written, with a bound.
struct Sink {
    bytes: UnsafeCell<Vec<u8>>,
    limit: usize,
    full: bool,
}

/// One of the library's places in the sink.
struct Cursor {
    sink: *mut Sink,
    at: usize,
}

impl Output {
    /// An empty container of at most so many bytes.
    pub(crate) fn new(
        container: Container,
        limit: usize,
        metadata: &str,
    ) -> Result<Self, TranscodeFailure> {
        let sink = Box::into_raw(Box::new(Sink {
            bytes: UnsafeCell::new(Vec::new()),
            limit,
            full: false,
        }));
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
                let key = match container {
                    Container::MpegTs => "service_provider",
                    Container::Mp4 => "comment",
                };
                named.set(key, metadata)?;
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
        }
        Ok(StreamId(self.times.len() - 1))
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
    pub(crate) fn start(&mut self) -> Result<(), TranscodeFailure> {
        let mut options = Dictionary::new();
        match self.container {
            Container::MpegTs => options.set("mpegts_copyts", "1")?,
            Container::Mp4 => {
                options.set("movflags", "+faststart")?;
                // Start offsets are kept in these; the default would round them to milliseconds.
                options.set("movie_timescale", "90000")?;
            }
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
        Ok(std::mem::take(unsafe { &mut *(*self.sink).bytes.get() }))
    }

    /// A full sink is told from the library's own failures.
    fn checked(&self, code: c_int) -> Result<(), TranscodeFailure> {
        // SAFETY: the sink lives as long as this value; no callback runs now.
        if unsafe { (*self.sink).full } {
            return Err(TranscodeFailure::Other(
                "output grew past the bound its bit rate sets".to_owned(),
            ));
        }
        check(code)?;
        Ok(())
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

/// Makes the library's handle on a new place in the sink.
unsafe fn open_cursor(sink: *mut Sink, writes: bool) -> Result<*mut ffi::AVIOContext, Refusal> {
    // SAFETY: the block and the cursor become the library's; `close_cursor` takes them back.
    unsafe {
        let block = ffi::av_malloc(WRITE_BLOCK);
        if block.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        let cursor = Box::into_raw(Box::new(Cursor { sink, at: 0 }));
        let io = ffi::avio_alloc_context(
            block.cast(),
            WRITE_BLOCK as c_int,
            c_int::from(writes),
            cursor.cast(),
            if writes { None } else { Some(read) },
            if writes { Some(write) } else { None },
            Some(seek),
        );
        if io.is_null() {
            ffi::av_free(block);
            drop(Box::from_raw(cursor));
            return Err(Refusal::NO_MEMORY);
        }
        Ok(io)
    }
}

unsafe fn close_cursor(mut io: *mut ffi::AVIOContext) {
    if io.is_null() {
        return;
    }
    // SAFETY: made by `open_cursor` and closed once.
    unsafe {
        drop(Box::from_raw((*io).opaque.cast::<Cursor>()));
        ffi::av_freep((&raw mut (*io).buffer).cast());
        ffi::avio_context_free(&mut io);
    }
}

/// Moving the index of an MP4 to its front reads the output while it is written.
unsafe extern "C" fn open_again(
    context: *mut ffi::AVFormatContext,
    io: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    if flags != ffi::AVIO_FLAG_READ {
        return -libc::EACCES;
    }
    // SAFETY: `opaque` is the sink of this very output.
    match unsafe { open_cursor((*context).opaque.cast(), false) } {
        Ok(cursor) => {
            // SAFETY: the library passes a place for the handle.
            unsafe { *io = cursor };
            0
        }
        Err(refusal) => refusal.0,
    }
}

unsafe extern "C" fn close_again(
    _context: *mut ffi::AVFormatContext,
    io: *mut ffi::AVIOContext,
) -> c_int {
    // SAFETY: only handles of `open_again` are closed through here.
    unsafe { close_cursor(io) };
    0
}

unsafe extern "C" fn read(opaque: *mut c_void, target: *mut u8, room: c_int) -> c_int {
    // SAFETY: the cursor is ours and its sink outlives it; the library calls from one thread.
    unsafe {
        let cursor = &mut *opaque.cast::<Cursor>();
        let bytes = &*(*cursor.sink).bytes.get();
        let rest = bytes.get(cursor.at..).unwrap_or(&[]);
        let count = rest.len().min(usize::try_from(room).unwrap_or(0));
        if count == 0 {
            return ffi::AVERROR_EOF;
        }
        ptr::copy_nonoverlapping(rest.as_ptr(), target, count);
        cursor.at += count;
        count as c_int
    }
}

/// The library's type for bytes it will not see changed.
#[cfg(ffmpeg_7_0)]
type Written = *const u8;
#[cfg(not(ffmpeg_7_0))]
type Written = *mut u8;

unsafe extern "C" fn write(opaque: *mut c_void, from: Written, count: c_int) -> c_int {
    // SAFETY: as in `read`; the library passes that many bytes.
    unsafe {
        let cursor = &mut *opaque.cast::<Cursor>();
        let sink = &mut *cursor.sink;
        let from: *const u8 = from;
        let from = std::slice::from_raw_parts(from, count.max(0) as usize);
        let end = cursor.at.saturating_add(from.len());
        if end > sink.limit {
            sink.full = true;
            return -libc::ENOSPC;
        }
        let bytes = sink.bytes.get_mut();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[cursor.at..end].copy_from_slice(from);
        cursor.at = end;
        count
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `read`.
    let cursor = unsafe { &mut *opaque.cast::<Cursor>() };
    // SAFETY: the sink outlives its cursors; the library calls from one thread.
    let length = unsafe { (*(*cursor.sink).bytes.get()).len() };
    if whence & ffi::AVSEEK_SIZE != 0 {
        return length as i64;
    }
    let base = match whence & !ffi::AVSEEK_FORCE {
        ffi::SEEK_SET => 0,
        ffi::SEEK_CUR => cursor.at as i64,
        ffi::SEEK_END => length as i64,
        _ => return i64::from(-libc::EINVAL),
    };
    match base
        .checked_add(offset)
        .and_then(|at| usize::try_from(at).ok())
    {
        // Places past the end are filled with zeroes by the next write, within the bound.
        Some(at) => {
            cursor.at = at;
            at as i64
        }
        None => i64::from(-libc::EINVAL),
    }
}
