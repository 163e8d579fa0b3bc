//! The library's MPEG-7 video signature of a run of pictures. The filter only writes to a named
//! file, so it is given one that lives in memory.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr;

use ffmpeg_sys_next as ffi;
use streamflow_types::TranscodeFailure;

use super::{Frame, Rational, check};

/// Largest signature read back: 300 s at 60 pictures a second are under 2 MB.
const MAX_SIGNATURE: u64 = 16 << 20;

/// The filter with its source and sink.
pub(crate) struct SignatureGraph {
    graph: *mut ffi::AVFilterGraph,
    source: *mut ffi::AVFilterContext,
    sink: *mut ffi::AVFilterContext,
    file: File,
}

// SAFETY: owned by one thread at a time.
unsafe impl Send for SignatureGraph {}

impl SignatureGraph {
    /// For 8-bit 4:2:0 pictures of this size.
    pub(crate) fn new(width: u32, height: u32, tick: Rational) -> Result<Self, TranscodeFailure> {
        let file = memory_file()?;
        let name = format!("format=binary:filename=/proc/self/fd/{}", file.as_raw_fd());
        let shape = format!(
            "video_size={width}x{height}:pix_fmt=yuv420p:time_base={}/{}:pixel_aspect=1/1",
            tick.num, tick.den
        );
        // SAFETY: allocates; null is checked.
        let graph = unsafe { ffi::avfilter_graph_alloc() };
        if graph.is_null() {
            return Err(TranscodeFailure::FilterGraph);
        }
        let mut made = Self {
            graph,
            source: ptr::null_mut(),
            sink: ptr::null_mut(),
            file,
        };
        let filter = made.add("signature", "signature", &name)?;
        made.source = made.add("buffer", "in", &shape)?;
        made.sink = made.add("buffersink", "out", "")?;
        // SAFETY: all three filters belong to this graph.
        unsafe {
            (*graph).nb_threads = 1;
            for (from, to) in [(made.source, filter), (filter, made.sink)] {
                check(ffi::avfilter_link(from, 0, to, 0))
                    .map_err(|_| TranscodeFailure::FilterGraph)?;
            }
            check(ffi::avfilter_graph_config(graph, ptr::null_mut()))
                .map_err(|_| TranscodeFailure::FilterGraph)?;
        }
        Ok(made)
    }

    fn add(
        &mut self,
        filter: &str,
        name: &str,
        options: &str,
    ) -> Result<*mut ffi::AVFilterContext, TranscodeFailure> {
        let texts = [filter, name, options].map(CString::new);
        let [Ok(filter), Ok(name), Ok(options)] = texts else {
            return Err(TranscodeFailure::FilterGraph);
        };
        let mut made = ptr::null_mut();
        // SAFETY: texts are terminated and copied by the call; the graph owns what it makes.
        unsafe {
            let filter = ffi::avfilter_get_by_name(filter.as_ptr());
            if filter.is_null() {
                return Err(TranscodeFailure::FilterGraph);
            }
            check(ffi::avfilter_graph_create_filter(
                &mut made,
                filter,
                name.as_ptr(),
                options.as_ptr(),
                ptr::null_mut(),
                self.graph,
            ))
            .map_err(|_| TranscodeFailure::FilterGraph)?;
        }
        Ok(made)
    }

    /// Takes in the next picture.
    pub(crate) fn push(&mut self, frame: &Frame) -> Result<(), TranscodeFailure> {
        let mut shared = frame.share()?;
        // SAFETY: the filter takes over the reference, not the frame object.
        check(unsafe { ffi::av_buffersrc_add_frame(self.source, shared.as_mut_ptr()) })?;
        self.pull()
    }

    /// Drops what comes out: only the file matters.
    fn pull(&mut self) -> Result<(), TranscodeFailure> {
        let mut frame = Frame::new()?;
        loop {
            // SAFETY: both valid.
            let got = check(unsafe { ffi::av_buffersink_get_frame(self.sink, frame.as_mut_ptr()) });
            match got {
                Ok(_) => frame.clear(),
                Err(refusal) if refusal.is_again() || refusal.is_end() => return Ok(()),
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    /// The signature of all pictures. The filter writes it when its source ends.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, TranscodeFailure> {
        // SAFETY: a null frame ends the source.
        check(unsafe { ffi::av_buffersrc_add_frame(self.source, ptr::null_mut()) })?;
        self.pull()?;
        // SAFETY: ours; `drop` finds null.
        unsafe { ffi::avfilter_graph_free(&mut self.graph) };
        let mut bytes = Vec::new();
        let read = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&mut self.file).take(MAX_SIGNATURE).read_to_end(&mut bytes));
        match read {
            Ok(count) if count > 0 => Ok(bytes),
            _ => Err(TranscodeFailure::Other(
                "the video signature could not be written to memory".to_owned(),
            )),
        }
    }
}

impl Drop for SignatureGraph {
    fn drop(&mut self) {
        // SAFETY: ours or null; freed once.
        unsafe { ffi::avfilter_graph_free(&mut self.graph) };
    }
}

fn memory_file() -> Result<File, TranscodeFailure> {
    // SAFETY: the name is terminated; a new descriptor has no other owner.
    unsafe {
        let descriptor = libc::memfd_create(c"signature".as_ptr(), libc::MFD_CLOEXEC);
        if descriptor < 0 {
            return Err(TranscodeFailure::Other(
                "no memory file for the video signature".to_owned(),
            ));
        }
        Ok(File::from_raw_fd(descriptor))
    }
}
