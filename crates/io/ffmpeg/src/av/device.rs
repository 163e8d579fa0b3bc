//! A graphics card as the library sees it: its context, and the frames that lie in its memory.

use std::ffi::CString;
use std::ptr;

use ffmpeg_sys_next as ffi;

use super::{Frame, Refusal, check};

/// The format of frames that lie on a card.
const CARD_FORMAT: ffi::AVPixelFormat = ffi::AVPixelFormat::AV_PIX_FMT_CUDA;

/// A counted reference to one of the library's objects.
#[derive(Debug)]
struct Counted(*mut ffi::AVBufferRef);

// SAFETY: the count is atomic; what it refers to locks inside or is read only.
unsafe impl Send for Counted {}
// SAFETY: as above.
unsafe impl Sync for Counted {}

impl Counted {
    fn share(&self) -> Result<Self, Refusal> {
        // SAFETY: valid by construction; null is checked.
        let shared = unsafe { ffi::av_buffer_ref(self.0) };
        if shared.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(Self(shared))
    }

    /// For a field of the library that frees it.
    fn into_raw(self) -> *mut ffi::AVBufferRef {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { ffi::av_buffer_unref(&mut self.0) };
    }
}

/// The context of one card, shared by every decoder, filter and encoder that works on it.
#[derive(Debug)]
pub(crate) struct Device(Counted);

impl Device {
    /// The context of the card with this number, which loads the driver.
    pub(crate) fn open(index: u32) -> Result<Self, Refusal> {
        let mut context = ptr::null_mut();
        let name = CString::new(index.to_string()).map_err(|_| Refusal::NO_MEMORY)?;
        // SAFETY: the name is terminated; the context is written only on success.
        check(unsafe {
            ffi::av_hwdevice_ctx_create(
                &mut context,
                ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA,
                name.as_ptr(),
                ptr::null_mut(),
                0,
            )
        })?;
        Ok(Self(Counted(context)))
    }

    /// A reference for a field of the library that frees it.
    pub(super) fn to_raw(&self) -> Result<*mut ffi::AVBufferRef, Refusal> {
        Ok(self.0.share()?.into_raw())
    }

    /// The driver's own handle on the context; null where the library made none.
    pub(crate) fn driver_context(&self) -> *mut libc::c_void {
        // SAFETY: a device context of this type has such a structure behind it.
        unsafe {
            let context = (*self.0.0).data.cast::<ffi::AVHWDeviceContext>();
            let card = (*context).hwctx.cast::<ffi::AVCUDADeviceContext>();
            (*card).cuda_ctx.cast()
        }
    }
}

/// Which kind of frames an encoder is given: where they lie and how they are laid out there.
#[derive(Debug)]
pub(crate) struct CardFrames(Counted);

impl CardFrames {
    pub(super) fn to_raw(&self) -> Result<*mut ffi::AVBufferRef, Refusal> {
        Ok(self.0.share()?.into_raw())
    }
}

impl Clone for CardFrames {
    fn clone(&self) -> Self {
        Self(self.0.share().expect("memory for one reference"))
    }
}

impl Frame {
    /// Whether the picture lies on a card, out of reach of everything but the card.
    pub(crate) fn is_on_card(&self) -> bool {
        self.format() == CARD_FORMAT as i32
    }

    /// Where frames like this one come from, for whoever is given them.
    pub(crate) fn card_frames(&self) -> Option<CardFrames> {
        let frames = self.fields().hw_frames_ctx;
        if !self.is_on_card() || frames.is_null() {
            return None;
        }
        // SAFETY: a frame on a card refers to where it came from.
        let shared = unsafe { ffi::av_buffer_ref(frames) };
        (!shared.is_null()).then(|| CardFrames(Counted(shared)))
    }

    /// How samples of a picture on a card are laid out there, by the library's number.
    pub(crate) fn layout_on_card(&self) -> Option<i32> {
        let frames = self.fields().hw_frames_ctx;
        if !self.is_on_card() || frames.is_null() {
            return None;
        }
        // SAFETY: as above.
        let context = unsafe { &*(*frames).data.cast::<ffi::AVHWFramesContext>() };
        Some(context.sw_format as i32)
    }

    /// A copy in the machine's own memory, in the layout it had on the card.
    pub(crate) fn download(&self) -> Result<Self, Refusal> {
        let mut copy = Self::new()?;
        // SAFETY: both valid; the target is empty and gets a buffer of its own.
        unsafe {
            check(ffi::av_hwframe_transfer_data(
                copy.as_mut_ptr(),
                self.as_ptr(),
                0,
            ))?;
            check(ffi::av_frame_copy_props(copy.as_mut_ptr(), self.as_ptr()))?;
        }
        Ok(copy)
    }

    /// Takes the shape of samples from the picture it was made of, whatever the card's filter made
    /// of that, and says that samples keep clear of the ends of their range.
    pub(crate) fn keep_looks(&mut self, from: &Self) {
        let shape = from.fields().sample_aspect_ratio;
        let fields = self.fields_mut();
        fields.sample_aspect_ratio = shape;
        fields.color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
    }
}

/// Whether a decoder of this name is built with a way to work on a card.
pub(crate) fn decodes_on_card(decoder: &str) -> bool {
    let Ok(name) = CString::new(decoder) else {
        return false;
    };
    // SAFETY: the name is terminated; configurations are static and end with null.
    unsafe {
        let codec = ffi::avcodec_find_decoder_by_name(name.as_ptr());
        if codec.is_null() {
            return false;
        }
        (0..)
            .map(|number| ffi::avcodec_get_hw_config(codec, number))
            .take_while(|config| !config.is_null())
            .any(|config| (*config).device_type == ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA)
    }
}
