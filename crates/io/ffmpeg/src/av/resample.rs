//! Sound in whatever shape it was decoded to, in the shape and the portions an encoder wants.

use std::ptr;

use ffmpeg_sys_next as ffi;

use super::{Frame, Refusal, check};

/// Converts decoded sound to planar floats and cuts it into equal portions.
pub(crate) struct Resampler {
    convert: *mut ffi::SwrContext,
    queue: *mut ffi::AVAudioFifo,
    sample_rate: i32,
    channels: i32,
    /// Format, rate and channels of what `convert` was made for.
    source: Option<(i32, i32, i32)>,
}

// SAFETY: owned by one thread at a time.
unsafe impl Send for Resampler {}

impl Resampler {
    pub(crate) fn new(sample_rate: i32, channels: i32) -> Result<Self, Refusal> {
        let format = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP;
        // SAFETY: allocates; null is checked.
        let queue = unsafe { ffi::av_audio_fifo_alloc(format, channels, 4096) };
        if queue.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(Self {
            convert: ptr::null_mut(),
            queue,
            sample_rate,
            channels,
            source: None,
        })
    }

    /// Takes in decoded sound, or with none what the converter still holds.
    pub(crate) fn push(&mut self, frame: Option<&Frame>) -> Result<(), Refusal> {
        if let Some(frame) = frame {
            let fields = frame.fields();
            let shape = (
                frame.format(),
                fields.sample_rate,
                fields.ch_layout.nb_channels,
            );
            if self.source != Some(shape) {
                self.run(None)?;
                self.rebuild(frame)?;
                self.source = Some(shape);
            }
        }
        self.run(frame)
    }

    fn rebuild(&mut self, frame: &Frame) -> Result<(), Refusal> {
        let fields = frame.fields();
        // SAFETY: both layouts live through the call, which copies them; a failed allocation
        // leaves null, which is checked by its return value.
        unsafe {
            let mut target: ffi::AVChannelLayout = std::mem::zeroed();
            let mut source: ffi::AVChannelLayout = std::mem::zeroed();
            ffi::av_channel_layout_default(&mut target, self.channels);
            if fields.ch_layout.order == ffi::AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC {
                ffi::av_channel_layout_default(&mut source, fields.ch_layout.nb_channels);
            } else {
                check(ffi::av_channel_layout_copy(&mut source, &fields.ch_layout))?;
            }
            ffi::swr_free(&mut self.convert);
            let made = check(ffi::swr_alloc_set_opts2(
                &mut self.convert,
                &mut target,
                ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP,
                self.sample_rate,
                &mut source,
                // The number came from a frame the same library made.
                std::mem::transmute::<i32, ffi::AVSampleFormat>(fields.format),
                fields.sample_rate,
                0,
                ptr::null_mut(),
            ));
            ffi::av_channel_layout_uninit(&mut source);
            ffi::av_channel_layout_uninit(&mut target);
            made?;
            check(ffi::swr_init(self.convert))?;
        }
        Ok(())
    }

    fn run(&mut self, frame: Option<&Frame>) -> Result<(), Refusal> {
        if self.convert.is_null() {
            return Ok(());
        }
        // SAFETY: the converter is initialised; input pointers are those of a decoded frame, and
        // the output has room for as many samples as the converter says it may give.
        unsafe {
            let incoming = frame.map_or(0, Frame::samples);
            let room = check(ffi::swr_get_out_samples(self.convert, incoming))?;
            if room == 0 {
                return Ok(());
            }
            let mut target = self.blank(room)?;
            let data = frame.map_or(ptr::null_mut(), |frame| {
                frame.fields().extended_data.cast::<*const u8>()
            });
            let made = check(ffi::swr_convert(
                self.convert,
                target.fields_mut().extended_data,
                room,
                data,
                incoming,
            ))?;
            check(ffi::av_audio_fifo_write(
                self.queue,
                target.fields_mut().extended_data.cast(),
                made,
            ))?;
        }
        Ok(())
    }

    /// How many samples wait.
    pub(crate) fn waiting(&self) -> i32 {
        // SAFETY: the queue is valid.
        unsafe { ffi::av_audio_fifo_size(self.queue) }
    }

    /// The next portion, of at most so many samples; `None` when nothing waits.
    pub(crate) fn pull(&mut self, samples: i32) -> Result<Option<Frame>, Refusal> {
        let samples = samples.min(self.waiting());
        if samples <= 0 {
            return Ok(None);
        }
        let mut frame = self.blank(samples)?;
        // SAFETY: the frame has room for that many samples in the queue's own format.
        unsafe {
            check(ffi::av_audio_fifo_read(
                self.queue,
                frame.fields_mut().extended_data.cast(),
                samples,
            ))?;
        }
        Ok(Some(frame))
    }

    fn blank(&self, samples: i32) -> Result<Frame, Refusal> {
        let mut frame = Frame::new()?;
        let fields = frame.fields_mut();
        fields.nb_samples = samples;
        fields.format = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP as i32;
        fields.sample_rate = self.sample_rate;
        // SAFETY: an empty layout is filled in place; the frame describes what to allocate.
        unsafe {
            ffi::av_channel_layout_default(&mut fields.ch_layout, self.channels);
            check(ffi::av_frame_get_buffer(frame.as_mut_ptr(), 0))?;
        }
        Ok(frame)
    }
}

impl Drop for Resampler {
    fn drop(&mut self) {
        // SAFETY: both ours; freed once; null is allowed for the converter.
        unsafe {
            ffi::swr_free(&mut self.convert);
            ffi::av_audio_fifo_free(self.queue);
        }
    }
}
