//! Scaling planar YUV pictures with zimg: bicubic, to 8-bit 4:2:0 of limited range.
//!
//! A graph belongs to one pair of picture shapes and may be used by many threads, each with its
//! own scratch memory.

mod sys;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr;

use ffmpeg_sys_next as ffi;

use crate::av::Frame;
use crate::shrink::SHARPNESS;

/// What zimg wants to know of a picture's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bits a sample.
    pub(crate) depth: u32,
    /// Powers of two by which chroma is smaller.
    pub(crate) subsampling: (u32, u32),
    pub(crate) full_range: bool,
    /// Where chroma stands, by the standard's number.
    chroma: u32,
}

impl Shape {
    /// An 8-bit 4:2:0 picture of limited range with chroma at the left.
    pub(crate) fn target(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            depth: 8,
            subsampling: (1, 1),
            full_range: false,
            chroma: sys::CHROMA_LEFT,
        }
    }

    /// That of a picture zimg can read: planar YUV whose sides chroma divides.
    pub(crate) fn of(frame: &Frame) -> Option<Self> {
        let format = frame.format();
        // SAFETY: formats without a description give null, which is checked; the number came
        // from a frame the same library made.
        let description = unsafe {
            let format = std::mem::transmute::<i32, ffi::AVPixelFormat>(format);
            ffi::av_pix_fmt_desc_get(format).as_ref()?
        };
        let flags = i32::try_from(description.flags).ok()?;
        let odd = ffi::AV_PIX_FMT_FLAG_BE
            | ffi::AV_PIX_FMT_FLAG_PAL
            | ffi::AV_PIX_FMT_FLAG_BITSTREAM
            | ffi::AV_PIX_FMT_FLAG_HWACCEL
            | ffi::AV_PIX_FMT_FLAG_RGB
            | ffi::AV_PIX_FMT_FLAG_BAYER
            | ffi::AV_PIX_FMT_FLAG_FLOAT;
        if flags & odd != 0
            || flags & ffi::AV_PIX_FMT_FLAG_PLANAR == 0
            || description.nb_components < 3
        {
            return None;
        }
        let depth = u32::try_from(description.comp[0].depth).ok()?;
        let bytes = if depth > 8 { 2 } else { 1 };
        // Samples of one plane each, not interleaved as in NV12, and in the low bits of a word.
        let plain = description.comp[..3].iter().zip(0..).all(|(part, plane)| {
            part.plane == plane && part.step == bytes && part.offset == 0 && part.shift == 0
        });
        let subsampling = (
            u32::from(description.log2_chroma_w),
            u32::from(description.log2_chroma_h),
        );
        let (width, height) = (frame.width(), frame.height());
        let divides = width % (1 << subsampling.0) == 0 && height % (1 << subsampling.1) == 0;
        if !plain || !divides || depth > 16 || subsampling.0 > 2 || subsampling.1 > 2 {
            return None;
        }
        Some(Self {
            width,
            height,
            depth,
            subsampling,
            full_range: frame.is_full_range(),
            chroma: sys::CHROMA_LEFT,
        })
    }

    fn to_sys(self) -> sys::ImageFormat {
        // SAFETY: the struct is plain numbers; the library fills in its defaults.
        let mut format = unsafe {
            let mut format = std::mem::zeroed();
            sys::zimg_image_format_default(&mut format, sys::API_VERSION);
            format
        };
        format.width = self.width;
        format.height = self.height;
        format.pixel_type = if self.depth > 8 {
            sys::PIXEL_WORD
        } else {
            sys::PIXEL_BYTE
        };
        format.subsample_w = self.subsampling.0;
        format.subsample_h = self.subsampling.1;
        format.color_family = sys::COLOR_YUV;
        format.depth = self.depth;
        format.pixel_range = if self.full_range {
            sys::RANGE_FULL
        } else {
            sys::RANGE_LIMITED
        };
        format.chroma_location = self.chroma;
        format
    }
}

/// Scales pictures of one shape to another.
pub(crate) struct Graph {
    graph: *mut sys::FilterGraph,
    scratch: usize,
}

// SAFETY: processing only reads the graph; memory to write to is the caller's.
unsafe impl Send for Graph {}
// SAFETY: as above.
unsafe impl Sync for Graph {}

/// zimg would not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl Graph {
    pub(crate) fn new(from: Shape, to: Shape) -> Result<Self, Refused> {
        let (source, target) = (from.to_sys(), to.to_sys());
        // SAFETY: all three descriptions live through the call; null is checked.
        unsafe {
            let mut params = std::mem::zeroed();
            sys::zimg_graph_builder_params_default(&mut params, sys::API_VERSION);
            params.resample_filter = sys::RESIZE_BICUBIC;
            params.resample_filter_uv = sys::RESIZE_BICUBIC;
            for (a, b) in [
                (&mut params.filter_param_a, &mut params.filter_param_b),
                (&mut params.filter_param_a_uv, &mut params.filter_param_b_uv),
            ] {
                (*a, *b) = (0.0, SHARPNESS);
            }
            params.cpu_type = sys::CPU_AUTO_64B;
            let graph = sys::zimg_filter_graph_build(&source, &target, &params);
            if graph.is_null() {
                return Err(Refused);
            }
            let mut made = Self { graph, scratch: 0 };
            if sys::zimg_filter_graph_get_tmp_size(graph, &mut made.scratch) != 0 {
                return Err(Refused);
            }
            Ok(made)
        }
    }

    /// Scales one picture. Both must have the shapes the graph was made for, and aligned rows.
    pub(crate) fn run(
        &self,
        from: &Frame,
        to: &mut Frame,
        scratch: &mut Scratch,
    ) -> Result<(), Refused> {
        if !from.is_aligned() || !to.is_aligned() {
            return Err(Refused);
        }
        let (source, target) = (buffer(from), buffer(to));
        // SAFETY: pictures have the shapes of the graph, which the callers in `scale` see to;
        // rows are aligned; the scratch memory is as large as the graph asks.
        let done = unsafe {
            sys::zimg_filter_graph_process(
                self.graph,
                &source,
                &target,
                scratch.at_least(self.scratch).cast(),
                None,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
            )
        };
        if done == 0 { Ok(()) } else { Err(Refused) }
    }
}

/// A picture's planes without any alpha.
fn buffer(frame: &Frame) -> sys::ImageBuffer {
    let planes = frame.planes();
    let plane = |index: usize| sys::Plane {
        data: if index < 3 {
            planes.data[index].cast()
        } else {
            ptr::null_mut()
        },
        stride: planes.stride[index] as isize,
        mask: sys::WHOLE_PLANE,
    };
    sys::ImageBuffer {
        version: sys::API_VERSION,
        plane: [plane(0), plane(1), plane(2), plane(3)],
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { sys::zimg_filter_graph_free(self.graph) };
    }
}

/// Memory a thread lends to whichever graph it runs.
pub(crate) struct Scratch {
    start: *mut u8,
    size: usize,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for Scratch {}

/// Alignment of scratch memory.
const SCRATCH_ALIGNMENT: usize = 64;

impl Default for Scratch {
    fn default() -> Self {
        Self {
            start: ptr::null_mut(),
            size: 0,
        }
    }
}

impl Scratch {
    fn at_least(&mut self, size: usize) -> *mut u8 {
        if size > self.size {
            self.release();
            let layout = Layout::from_size_align(size, SCRATCH_ALIGNMENT)
                .expect("zimg asks for far less than the address space");
            // SAFETY: the size is not zero; null is checked.
            self.start = unsafe { alloc(layout) };
            if self.start.is_null() {
                handle_alloc_error(layout);
            }
            self.size = size;
        }
        self.start
    }

    fn release(&mut self) {
        if self.size > 0 {
            let layout = Layout::from_size_align(self.size, SCRATCH_ALIGNMENT)
                .expect("made with the same numbers");
            // SAFETY: allocated with this very layout.
            unsafe { dealloc(self.start, layout) };
            self.size = 0;
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.release();
    }
}

/// zimg's version as major, minor, micro.
pub(crate) fn version() -> (u32, u32, u32) {
    let mut version = (0, 0, 0);
    // SAFETY: three numbers to write to.
    unsafe { sys::zimg_get_version_info(&mut version.0, &mut version.1, &mut version.2) };
    version
}
