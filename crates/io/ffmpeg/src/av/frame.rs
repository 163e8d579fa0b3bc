//! Decoded pictures and sound.

use std::slice;

use ffmpeg_sys_next as ffi;

use super::{DisplayMatrix, NO_TIME, Refusal, check};

/// Bytes to which rows start and end: what zimg's and x264's widest instructions want.
pub(crate) const ALIGNMENT: usize = 64;

/// A decoded picture, or some sound. The data may be shared; it is written only between making a
/// frame and handing it on.
pub(crate) struct Frame(*mut ffi::AVFrame);

// SAFETY: a frame is owned by one thread at a time; its data is reference counted atomically.
unsafe impl Send for Frame {}
// SAFETY: through a shared reference fields and data are only read.
unsafe impl Sync for Frame {}

/// The planes of a picture: how far apart rows are, and where the first starts.
pub(crate) struct Planes {
    pub(crate) data: [*mut u8; 4],
    pub(crate) stride: [i32; 4],
}

impl Frame {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, Refusal> {
        // SAFETY: allocates; null is checked.
        let frame = unsafe { ffi::av_frame_alloc() };
        if frame.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(Self(frame))
    }

    /// Another handle on the same data.
    pub(crate) fn share(&self) -> Result<Self, Refusal> {
        let copy = Self::new()?;
        // SAFETY: both are valid and the target is empty.
        check(unsafe { ffi::av_frame_ref(copy.0, self.0) })?;
        Ok(copy)
    }

    /// Lets go of the data.
    pub(crate) fn clear(&mut self) {
        // SAFETY: valid by construction.
        unsafe { ffi::av_frame_unref(self.0) };
    }

    pub(crate) fn width(&self) -> u32 {
        u32::try_from(self.fields().width).unwrap_or(0)
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.fields().height).unwrap_or(0)
    }

    /// The pixel or sample format, by the library's number.
    pub(crate) fn format(&self) -> i32 {
        self.fields().format
    }

    pub(crate) fn samples(&self) -> i32 {
        self.fields().nb_samples
    }

    /// When to show it, as said and as the decoder guesses.
    pub(crate) fn times(&self) -> (Option<i64>, Option<i64>) {
        let fields = self.fields();
        let known = |time: i64| (time != NO_TIME).then_some(time);
        (known(fields.pts), known(fields.best_effort_timestamp))
    }

    /// When to show it, as said or else as the decoder guesses.
    pub(crate) fn time(&self) -> Option<i64> {
        let (given, guess) = self.times();
        given.or(guess)
    }

    /// How long to show it, where known.
    pub(crate) fn duration(&self) -> Option<i64> {
        #[cfg(ffmpeg_6_0)]
        let duration = self.fields().duration;
        #[cfg(not(ffmpeg_6_0))]
        let duration = self.fields().pkt_duration;
        (duration > 0).then_some(duration)
    }

    pub(crate) fn set_time(&mut self, pts: i64) {
        self.fields_mut().pts = pts;
    }

    /// Marks the picture as one to start anew with, or leaves the choice to the encoder.
    pub(crate) fn force_key(&mut self, key: bool) {
        self.fields_mut().pict_type = if key {
            ffi::AVPictureType::AV_PICTURE_TYPE_I
        } else {
            ffi::AVPictureType::AV_PICTURE_TYPE_NONE
        };
    }

    /// Whether the decoder marked it as damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        let fields = self.fields();
        fields.flags & ffi::AV_FRAME_FLAG_CORRUPT != 0 || fields.decode_error_flags != 0
    }

    /// Whether samples run over the whole range of their bits.
    pub(crate) fn is_full_range(&self) -> bool {
        let jpeg = [
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ420P,
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ422P,
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ444P,
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ440P,
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ411P,
        ];
        self.fields().color_range == ffi::AVColorRange::AVCOL_RANGE_JPEG
            || jpeg.iter().any(|format| *format as i32 == self.format())
    }

    /// How it is to be turned when shown, where its stream says so picture by picture.
    pub(crate) fn matrix(&self) -> Option<DisplayMatrix> {
        let kind = ffi::AVFrameSideDataType::AV_FRAME_DATA_DISPLAYMATRIX;
        // SAFETY: valid by construction; the data has the size it says, which is checked.
        unsafe {
            let found = ffi::av_frame_get_side_data(self.0, kind);
            if found.is_null() || (*found).size < size_of::<DisplayMatrix>() {
                return None;
            }
            Some((*found).data.cast::<DisplayMatrix>().read_unaligned())
        }
    }

    /// Takes over times, colours, captions and shape of samples from another.
    pub(crate) fn copy_looks(&mut self, from: &Self) -> Result<(), Refusal> {
        // SAFETY: both valid by construction.
        check(unsafe { ffi::av_frame_copy_props(self.0, from.0) })?;
        self.fields_mut().color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
        Ok(())
    }

    /// Turns the shape of samples by a quarter.
    pub(crate) fn turn_sample_shape(&mut self) {
        let shape = &mut self.fields_mut().sample_aspect_ratio;
        if shape.num > 0 && shape.den > 0 {
            std::mem::swap(&mut shape.num, &mut shape.den);
        }
    }

    pub(crate) fn planes(&self) -> Planes {
        let fields = self.fields();
        Planes {
            data: std::array::from_fn(|plane| fields.data[plane]),
            stride: std::array::from_fn(|plane| fields.linesize[plane]),
        }
    }

    /// Whether it is 8-bit 4:2:0 in three planes.
    pub(crate) fn is_planar(&self) -> bool {
        self.format() == ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32
    }

    /// Whether every row starts where the widest instructions want it.
    pub(crate) fn is_aligned(&self) -> bool {
        let planes = self.planes();
        planes.data.iter().all(|data| data.addr() % ALIGNMENT == 0)
            && planes.stride.iter().all(|stride| {
                *stride >= 0 && (stride.unsigned_abs() as usize).is_multiple_of(ALIGNMENT)
            })
    }

    /// Rows of an 8-bit 4:2:0 plane, `None` for another format or plane.
    pub(crate) fn rows(&self, plane: usize) -> Option<impl Iterator<Item = &[u8]>> {
        let (width, height) = self.plane_size(plane)?;
        let planes = self.planes();
        let stride = usize::try_from(planes.stride[plane]).ok()?;
        let start = planes.data[plane].cast_const();
        // SAFETY: a 4:2:0 picture of this size has that many rows of at least that many bytes.
        Some(
            (0..height)
                .map(move |row| unsafe { slice::from_raw_parts(start.add(row * stride), width) }),
        )
    }

    /// All bytes of an 8-bit 4:2:0 plane and its stride, to be written.
    pub(crate) fn plane_mut(&mut self, plane: usize) -> Option<(&mut [u8], usize)> {
        let (width, height) = self.plane_size(plane)?;
        let planes = self.planes();
        let stride = usize::try_from(planes.stride[plane]).ok()?;
        let length = stride * height.checked_sub(1)? + width;
        // SAFETY: rows lie in one allocation, `stride` apart, and the frame is borrowed mutably;
        // only frames fresh from a pool are written to, which nobody else holds.
        Some((
            unsafe { slice::from_raw_parts_mut(planes.data[plane], length) },
            stride,
        ))
    }

    fn plane_size(&self, plane: usize) -> Option<(usize, usize)> {
        let is_420 = self.format() == ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32;
        let (width, height) = (self.width() as usize, self.height() as usize);
        match plane {
            0 if is_420 => Some((width, height)),
            1 | 2 if is_420 => Some((width.div_ceil(2), height.div_ceil(2))),
            _ => None,
        }
    }

    pub(super) fn fields(&self) -> &ffi::AVFrame {
        // SAFETY: valid by construction.
        unsafe { &*self.0 }
    }

    pub(super) fn fields_mut(&mut self) -> &mut ffi::AVFrame {
        // SAFETY: valid by construction, and borrowed mutably.
        unsafe { &mut *self.0 }
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVFrame {
        self.0
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut ffi::AVFrame {
        self.0
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { ffi::av_frame_free(&mut self.0) };
    }
}

/// Memory for 8-bit 4:2:0 pictures of one size, used again once a picture is let go.
pub(crate) struct FramePool {
    pool: *mut ffi::AVBufferPool,
    width: u32,
    height: u32,
    stride: [usize; 3],
    offset: [usize; 3],
}

// SAFETY: the library's buffer pools lock inside.
unsafe impl Send for FramePool {}
// SAFETY: as above.
unsafe impl Sync for FramePool {}

impl FramePool {
    /// Pictures of this size, which the caller has bounded.
    pub(crate) fn new(width: u32, height: u32) -> Result<Self, Refusal> {
        let (luma, chroma) = (width as usize, (width as usize).div_ceil(2));
        let stride = [luma, chroma, chroma].map(|row| row.next_multiple_of(ALIGNMENT));
        let rows = [height as usize, (height as usize).div_ceil(2)];
        let (first, second) = (stride[0] * rows[0], stride[1] * rows[1]);
        let offset = [0, first, first + second];
        // One alignment more, since the library promises less than ours on some machines; one
        // more row's worth because readers may run past the last row by a vector.
        let size = first + 2 * second + 2 * ALIGNMENT;
        // SAFETY: plain allocation; null is checked.
        let pool = unsafe { ffi::av_buffer_pool_init(size, None) };
        if pool.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(Self {
            pool,
            width,
            height,
            stride,
            offset,
        })
    }

    /// A picture with undefined samples.
    pub(crate) fn take(&self) -> Result<Frame, Refusal> {
        let mut frame = Frame::new()?;
        // SAFETY: the pool is valid; null is checked.
        let buffer = unsafe { ffi::av_buffer_pool_get(self.pool) };
        if buffer.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        let fields = frame.fields_mut();
        fields.buf[0] = buffer;
        // SAFETY: the buffer was just made by the pool.
        let start = unsafe { (*buffer).data };
        let skip = start.addr().next_multiple_of(ALIGNMENT) - start.addr();
        for plane in 0..3 {
            // SAFETY: offsets and the skip lie inside the size asked for above.
            fields.data[plane] = unsafe { start.add(skip + self.offset[plane]) };
            fields.linesize[plane] =
                i32::try_from(self.stride[plane]).map_err(|_| Refusal::NO_MEMORY)?;
        }
        fields.extended_data = fields.data.as_mut_ptr();
        fields.width = i32::try_from(self.width).map_err(|_| Refusal::NO_MEMORY)?;
        fields.height = i32::try_from(self.height).map_err(|_| Refusal::NO_MEMORY)?;
        fields.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32;
        Ok(frame)
    }
}

impl Drop for FramePool {
    fn drop(&mut self) {
        // SAFETY: ours; pictures still out keep the memory alive by themselves.
        unsafe { ffi::av_buffer_pool_uninit(&mut self.pool) };
    }
}
