//! zimg's C interface, version 2.3, as far as it is used.

use std::ffi::{c_char, c_int, c_uint, c_void};

pub(super) const API_VERSION: c_uint = 2 << 8 | 3;
pub(super) const CPU_AUTO_64B: c_int = 2;
pub(super) const PIXEL_BYTE: c_int = 0;
pub(super) const PIXEL_WORD: c_int = 1;
pub(super) const RANGE_LIMITED: c_int = 0;
pub(super) const RANGE_FULL: c_int = 1;
pub(super) const COLOR_YUV: c_int = 2;
pub(super) const CHROMA_LEFT: c_uint = 0;
pub(super) const RESIZE_BICUBIC: c_int = 2;
pub(super) const WHOLE_PLANE: c_uint = c_uint::MAX;

/// Opaque.
#[repr(C)]
pub(super) struct FilterGraph {
    _private: [u8; 0],
}

#[repr(C)]
pub(super) struct Plane {
    pub(super) data: *mut c_void,
    pub(super) stride: isize,
    pub(super) mask: c_uint,
}

/// `zimg_image_buffer`, whose read-only twin has the same layout.
#[repr(C)]
pub(super) struct ImageBuffer {
    pub(super) version: c_uint,
    pub(super) plane: [Plane; 4],
}

#[repr(C)]
pub(super) struct ActiveRegion {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

#[repr(C)]
pub(super) struct ImageFormat {
    pub(super) version: c_uint,
    pub(super) width: c_uint,
    pub(super) height: c_uint,
    pub(super) pixel_type: c_int,
    pub(super) subsample_w: c_uint,
    pub(super) subsample_h: c_uint,
    pub(super) color_family: c_int,
    pub(super) matrix_coefficients: c_int,
    pub(super) transfer_characteristics: c_int,
    pub(super) color_primaries: c_int,
    pub(super) depth: c_uint,
    pub(super) pixel_range: c_int,
    pub(super) field_parity: c_int,
    pub(super) chroma_location: c_uint,
    pub(super) active_region: ActiveRegion,
    /// Since 2.4: there so that a newer library has its room.
    pub(super) alpha: c_int,
}

#[repr(C)]
pub(super) struct GraphParams {
    pub(super) version: c_uint,
    pub(super) resample_filter: c_int,
    pub(super) filter_param_a: f64,
    pub(super) filter_param_b: f64,
    pub(super) resample_filter_uv: c_int,
    pub(super) filter_param_a_uv: f64,
    pub(super) filter_param_b_uv: f64,
    pub(super) dither_type: c_int,
    pub(super) cpu_type: c_int,
    pub(super) nominal_peak_luminance: f64,
    pub(super) allow_approximate_gamma: c_char,
}

pub(super) type Callback =
    Option<unsafe extern "C" fn(*mut c_void, c_uint, c_uint, c_uint) -> c_int>;

unsafe extern "C" {
    pub(super) fn zimg_get_version_info(major: *mut c_uint, minor: *mut c_uint, micro: *mut c_uint);
    pub(super) fn zimg_image_format_default(format: *mut ImageFormat, version: c_uint);
    pub(super) fn zimg_graph_builder_params_default(params: *mut GraphParams, version: c_uint);
    pub(super) fn zimg_filter_graph_build(
        source: *const ImageFormat,
        target: *const ImageFormat,
        params: *const GraphParams,
    ) -> *mut FilterGraph;
    pub(super) fn zimg_filter_graph_get_tmp_size(
        graph: *const FilterGraph,
        size: *mut usize,
    ) -> c_int;
    pub(super) fn zimg_filter_graph_process(
        graph: *const FilterGraph,
        source: *const ImageBuffer,
        target: *const ImageBuffer,
        scratch: *mut c_void,
        unpack: Callback,
        unpack_user: *mut c_void,
        pack: Callback,
        pack_user: *mut c_void,
    ) -> c_int;
    pub(super) fn zimg_filter_graph_free(graph: *mut FilterGraph);
}
