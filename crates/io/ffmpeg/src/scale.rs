//! Scaling with our own loops or zimg, conversion with swscale where zimg cannot read, and quarter
//! turns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffmpeg_sys_next as ffi;
use streamflow_types::TranscodeFailure;

use crate::av::{Frame, FramePool};
use crate::picture::Size;
use crate::shrink::{Rows, Shrink, shrink};
use crate::zimg::{self, Graph, Shape};

/// Graphs and pools kept; beyond it all are made anew. A ladder has ten sizes, and few segments
/// change size at all.
const MAX_KEPT: usize = 64;

/// Our own loops between two sizes, where they can do it.
type MaybeShrink = Option<Arc<Shrink>>;

/// What scaling needs and can be used again.
#[derive(Default)]
pub(crate) struct Scaler {
    shrinks: Mutex<HashMap<(Size, Size), MaybeShrink>>,
    graphs: Mutex<HashMap<(Shape, Shape), Arc<Graph>>>,
    pools: Mutex<HashMap<Size, Arc<FramePool>>>,
    converter: Mutex<Option<Converter>>,
}

/// Memory a thread lends to whatever scales for it.
#[derive(Default)]
pub(crate) struct Scratch {
    zimg: zimg::Scratch,
    rows: Rows,
}

impl Scaler {
    /// The picture in each of these sizes. It is read once for all that can be made in one pass.
    pub(crate) fn scale_all(
        &self,
        from: &Frame,
        sizes: &[Size],
        scratch: &mut Scratch,
    ) -> Result<Vec<Frame>, TranscodeFailure> {
        let source = Shape::of(from).ok_or(TranscodeFailure::UnsupportedPixelFormat)?;
        let plans: Vec<_> = sizes
            .iter()
            .map(|size| self.shrink(source, *size))
            .collect();
        let mut made = Vec::with_capacity(sizes.len());
        for (size, plan) in sizes.iter().zip(&plans) {
            made.push(match plan {
                Some(_) => self.blank(*size)?,
                None => self.scale_by_zimg(from, source, *size, &mut scratch.zimg)?,
            });
        }
        let mut targets: Vec<_> = plans
            .iter()
            .zip(&mut made)
            .filter_map(|(plan, frame)| Some((plan.as_deref()?, frame)))
            .collect();
        if !targets.is_empty() {
            shrink(from, &mut targets, &mut scratch.rows)
                .map_err(|_| TranscodeFailure::FilterGraph)?;
            for (_, frame) in targets {
                frame.copy_looks(from)?;
            }
        }
        Ok(made)
    }

    /// The picture as 8-bit 4:2:0 of limited range in this size: itself where it already is.
    pub(crate) fn scale(
        &self,
        from: &Frame,
        size: Size,
        scratch: &mut Scratch,
    ) -> Result<Frame, TranscodeFailure> {
        let made = self.scale_all(from, &[size], scratch)?;
        made.into_iter().next().ok_or(TranscodeFailure::FilterGraph)
    }

    fn scale_by_zimg(
        &self,
        from: &Frame,
        source: Shape,
        size: Size,
        scratch: &mut zimg::Scratch,
    ) -> Result<Frame, TranscodeFailure> {
        let target = Shape::target(size.0, size.1);
        if source == target {
            return Ok(from.share()?);
        }
        let graph = self.graph(source, target)?;
        let mut made = self.blank(size)?;
        graph
            .run(from, &mut made, scratch)
            .map_err(|_| TranscodeFailure::FilterGraph)?;
        made.copy_looks(from)?;
        Ok(made)
    }

    /// The picture as zimg can read it: 8-bit 4:2:0, sides even.
    pub(crate) fn convert(&self, from: &Frame) -> Result<Frame, TranscodeFailure> {
        let even = |side: u32| side.next_multiple_of(2);
        let size = (even(from.width()), even(from.height()));
        let mut made = self.blank(size)?;
        let mut kept = lock(&self.converter);
        let key = (
            from.format(),
            from.width(),
            from.height(),
            from.is_full_range(),
        );
        let converter = match kept.take() {
            Some(converter) if converter.key == key => converter,
            _ => Converter::new(key, size)?,
        };
        converter.run(from, &mut made)?;
        *kept = Some(converter);
        made.copy_looks(from)?;
        Ok(made)
    }

    /// The picture turned clockwise by so many quarters.
    pub(crate) fn turn(&self, from: &Frame, quarters: u8) -> Result<Frame, TranscodeFailure> {
        let (width, height) = (from.width(), from.height());
        let swaps = quarters % 2 == 1;
        let size = if swaps {
            (height, width)
        } else {
            (width, height)
        };
        let mut made = self.blank(size)?;
        for plane in 0..3 {
            turn_plane(from, &mut made, plane, quarters)
                .ok_or(TranscodeFailure::UnsupportedPixelFormat)?;
        }
        made.copy_looks(from)?;
        if swaps {
            made.turn_sample_shape();
        }
        Ok(made)
    }

    /// How to make a size by our own loops; `None` where that is zimg's, or nothing is to be made.
    fn shrink(&self, source: Shape, size: Size) -> Option<Arc<Shrink>> {
        let from = (source.width, source.height);
        if from == size || source != Shape::target(from.0, from.1) {
            return None;
        }
        let mut shrinks = lock(&self.shrinks);
        if shrinks.len() >= MAX_KEPT {
            shrinks.clear();
        }
        shrinks
            .entry((from, size))
            .or_insert_with(|| Shrink::new(from, size).map(Arc::new))
            .clone()
    }

    fn graph(&self, from: Shape, to: Shape) -> Result<Arc<Graph>, TranscodeFailure> {
        let mut graphs = lock(&self.graphs);
        if let Some(graph) = graphs.get(&(from, to)) {
            return Ok(Arc::clone(graph));
        }
        let graph = Graph::new(from, to).map_err(|_| TranscodeFailure::FilterGraph)?;
        let graph = Arc::new(graph);
        if graphs.len() >= MAX_KEPT {
            graphs.clear();
        }
        graphs.insert((from, to), Arc::clone(&graph));
        Ok(graph)
    }

    fn blank(&self, size: Size) -> Result<Frame, TranscodeFailure> {
        let pool = {
            let mut pools = lock(&self.pools);
            match pools.get(&size) {
                Some(pool) => Arc::clone(pool),
                None => {
                    let pool = Arc::new(FramePool::new(size.0, size.1)?);
                    if pools.len() >= MAX_KEPT {
                        pools.clear();
                    }
                    pools.insert(size, Arc::clone(&pool));
                    pool
                }
            }
        };
        Ok(pool.take()?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Copies a plane turned clockwise. `None` when the pictures are not 8-bit 4:2:0.
fn turn_plane(from: &Frame, to: &mut Frame, plane: usize, quarters: u8) -> Option<()> {
    let height = from.rows(plane)?.count();
    let (target, stride) = to.plane_mut(plane)?;
    for (y, row) in from.rows(plane)?.enumerate() {
        let width = row.len();
        let flipped = height - 1 - y;
        for (x, sample) in row.iter().enumerate() {
            let place = match quarters % 4 {
                0 => y * stride + x,
                1 => x * stride + flipped,
                2 => flipped * stride + (width - 1 - x),
                _ => (width - 1 - x) * stride + y,
            };
            *target.get_mut(place)? = *sample;
        }
    }
    Some(())
}

/// Format, width, height and range of what a converter reads.
type ConverterKey = (i32, u32, u32, bool);

/// swscale from one format to 8-bit 4:2:0.
struct Converter {
    key: ConverterKey,
    context: *mut ffi::SwsContext,
}

// SAFETY: owned by one thread at a time.
unsafe impl Send for Converter {}

/// The library's number for the coefficients of standard definition, its default.
const DEFAULT_COEFFICIENTS: i32 = 5;

impl Converter {
    fn new(key: ConverterKey, to: Size) -> Result<Self, TranscodeFailure> {
        let (format, width, height, full_range) = key;
        let side = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        // SAFETY: the format came from a frame the same library made; null is checked; the table
        // of coefficients is static.
        unsafe {
            let context = ffi::sws_getContext(
                side(width),
                side(height),
                std::mem::transmute::<i32, ffi::AVPixelFormat>(format),
                side(to.0),
                side(to.1),
                ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
                ffi::SWS_BICUBIC,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null(),
            );
            if context.is_null() {
                return Err(TranscodeFailure::UnsupportedPixelFormat);
            }
            let table = ffi::sws_getCoefficients(DEFAULT_COEFFICIENTS);
            ffi::sws_setColorspaceDetails(
                context,
                table,
                i32::from(full_range),
                table,
                0,
                0,
                1 << 16,
                1 << 16,
            );
            Ok(Self { key, context })
        }
    }

    fn run(&self, from: &Frame, to: &mut Frame) -> Result<(), TranscodeFailure> {
        let (source, target) = (from.planes(), to.planes());
        let height = i32::try_from(from.height()).unwrap_or(0);
        // SAFETY: both pictures have the sizes and formats the context was made for; the target
        // is fresh and has room for whole vectors after its last row.
        let rows = unsafe {
            ffi::sws_scale(
                self.context,
                source.data.map(<*mut u8>::cast_const).as_ptr(),
                source.stride.as_ptr(),
                0,
                height,
                target.data.as_ptr(),
                target.stride.as_ptr(),
            )
        };
        if rows <= 0 {
            return Err(TranscodeFailure::UnsupportedPixelFormat);
        }
        Ok(())
    }
}

impl Drop for Converter {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { ffi::sws_freeContext(self.context) };
    }
}
