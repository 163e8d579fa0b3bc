//! Scaling on a card: the library's filter between a source and a sink, all on the card.

use std::ffi::CString;
use std::ptr;

use ffmpeg_sys_next as ffi;

use super::{Frame, Refusal, check};

/// How samples lie in what the filter makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// Chroma samples side by side, as the card's own encoders like them.
    Interleaved,
    /// Three planes, as encoders on the processor want them.
    Planar,
}

/// How samples are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kernel {
    /// Four taps each way: for steps of less than two to one.
    Bicubic,
    /// The mean over what is left out, up to four to one.
    Bilinear,
}

/// The filter with its source and sink.
#[derive(Debug)]
pub(crate) struct CardFilter {
    graph: *mut ffi::AVFilterGraph,
    source: *mut ffi::AVFilterContext,
    sink: *mut ffi::AVFilterContext,
}

// SAFETY: owned by one thread at a time.
unsafe impl Send for CardFilter {}

impl CardFilter {
    /// Whether the library is built with the filter.
    pub(crate) fn is_built() -> bool {
        // SAFETY: the name is terminated.
        unsafe { !ffi::avfilter_get_by_name(c"scale_cuda".as_ptr()).is_null() }
    }

    /// For pictures like this one, which lies on the card.
    pub(crate) fn new(
        like: &Frame,
        width: u32,
        height: u32,
        layout: Layout,
        kernel: Kernel,
    ) -> Result<Self, Refusal> {
        let mut made = Self::empty()?;
        made.source = made.allocate(c"buffer", c"in")?;
        let fields = like.fields();
        // SAFETY: the parameters are freed whatever happens; the source takes references of its
        // own to what it needs of them.
        unsafe {
            let parameters = ffi::av_buffersrc_parameters_alloc();
            if parameters.is_null() {
                return Err(Refusal::NO_MEMORY);
            }
            (*parameters).format = fields.format;
            (*parameters).width = fields.width;
            (*parameters).height = fields.height;
            (*parameters).time_base = super::rational(1, 90_000);
            (*parameters).hw_frames_ctx = fields.hw_frames_ctx;
            let set = check(ffi::av_buffersrc_parameters_set(made.source, parameters));
            ffi::av_free(parameters.cast());
            set?;
            check(ffi::avfilter_init_str(made.source, ptr::null()))?;
        }
        let filter = made.scaler(width, height, layout, kernel)?;
        made.sink = made.allocate(c"buffersink", c"out")?;
        // SAFETY: all three belong to this graph.
        unsafe {
            check(ffi::avfilter_init_str(made.sink, ptr::null()))?;
            (*made.graph).nb_threads = 1;
            for (from, to) in [(made.source, filter), (filter, made.sink)] {
                check(ffi::avfilter_link(from, 0, to, 0))?;
            }
            check(ffi::avfilter_graph_config(made.graph, ptr::null_mut()))?;
        }
        Ok(made)
    }

    fn empty() -> Result<Self, Refusal> {
        // SAFETY: allocates; null is checked.
        let graph = unsafe { ffi::avfilter_graph_alloc() };
        if graph.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(Self {
            graph,
            source: ptr::null_mut(),
            sink: ptr::null_mut(),
        })
    }

    /// The scaling filter with its options, which it must all know.
    fn scaler(
        &mut self,
        width: u32,
        height: u32,
        layout: Layout,
        kernel: Kernel,
    ) -> Result<*mut ffi::AVFilterContext, Refusal> {
        let format = match layout {
            Layout::Interleaved => "nv12",
            Layout::Planar => "yuv420p",
        };
        let algorithm = match kernel {
            Kernel::Bicubic => "bicubic",
            Kernel::Bilinear => "bilinear",
        };
        // Passing a decoder's picture on would keep one of its few places occupied.
        let options =
            format!("w={width}:h={height}:format={format}:interp_algo={algorithm}:passthrough=0");
        let options = CString::new(options).map_err(|_| Refusal::NO_MEMORY)?;
        let filter = self.allocate(c"scale_cuda", c"scale")?;
        // SAFETY: the filter was just made and the text is terminated.
        check(unsafe { ffi::avfilter_init_str(filter, options.as_ptr()) })?;
        Ok(filter)
    }

    fn allocate(
        &mut self,
        filter: &std::ffi::CStr,
        name: &std::ffi::CStr,
    ) -> Result<*mut ffi::AVFilterContext, Refusal> {
        // SAFETY: texts are terminated; the graph owns what it makes; null is checked.
        unsafe {
            let filter = ffi::avfilter_get_by_name(filter.as_ptr());
            if filter.is_null() {
                return Err(Refusal(ffi::AVERROR_FILTER_NOT_FOUND));
            }
            let made = ffi::avfilter_graph_alloc_filter(self.graph, filter, name.as_ptr());
            if made.is_null() {
                return Err(Refusal::NO_MEMORY);
            }
            Ok(made)
        }
    }

    /// One picture in, one picture out.
    pub(crate) fn run(&mut self, from: &Frame) -> Result<Frame, Refusal> {
        let mut shared = from.share()?;
        let mut made = Frame::new()?;
        // SAFETY: the source takes over the reference, not the frame object; both are valid.
        unsafe {
            check(ffi::av_buffersrc_add_frame(
                self.source,
                shared.as_mut_ptr(),
            ))?;
            check(ffi::av_buffersink_get_frame(self.sink, made.as_mut_ptr()))?;
        }
        Ok(made)
    }
}

impl Drop for CardFilter {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { ffi::avfilter_graph_free(&mut self.graph) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_knows_every_option_it_is_given() {
        if !CardFilter::is_built() {
            eprintln!("skipped: this FFmpeg has no scale_cuda");
            return;
        }
        for layout in [Layout::Interleaved, Layout::Planar] {
            for kernel in [Kernel::Bicubic, Kernel::Bilinear] {
                let mut graph = CardFilter::empty().unwrap();
                graph.scaler(640, 360, layout, kernel).unwrap();
            }
        }
    }
}
