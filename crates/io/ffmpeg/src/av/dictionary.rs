//! Options by name.

use std::ffi::CString;
use std::ptr;

use ffmpeg_sys_next as ffi;
use streamflow_types::TranscodeFailure;

/// Options by name, for a codec or a container.
pub(crate) struct Dictionary(*mut ffi::AVDictionary);

impl Dictionary {
    pub(crate) const fn new() -> Self {
        Self(ptr::null_mut())
    }

    /// Sets an option. A text with a zero byte in it is no option.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), TranscodeFailure> {
        let (Ok(key), Ok(value)) = (CString::new(key), CString::new(value)) else {
            return Err(TranscodeFailure::OptionNotFound);
        };
        // SAFETY: both texts live through the call, which copies them.
        super::check(unsafe { ffi::av_dict_set(&mut self.0, key.as_ptr(), value.as_ptr(), 0) })?;
        Ok(())
    }

    /// For a call that takes options and leaves those it did not know.
    pub(super) fn as_mut_ptr(&mut self) -> *mut *mut ffi::AVDictionary {
        &mut self.0
    }

    /// A copy owned by whoever receives it.
    pub(super) fn copied_into(&self, target: &mut *mut ffi::AVDictionary) {
        // SAFETY: `target` is null or a dictionary; the source is only read.
        unsafe { ffi::av_dict_copy(target, self.0, 0) };
    }

    /// Fails when options were left over, that is, nobody knew them.
    pub(crate) fn all_taken(&self) -> Result<(), TranscodeFailure> {
        // SAFETY: the dictionary is null or valid.
        if unsafe { ffi::av_dict_count(self.0) } > 0 {
            return Err(TranscodeFailure::OptionNotFound);
        }
        Ok(())
    }
}

impl Drop for Dictionary {
    fn drop(&mut self) {
        // SAFETY: null or ours; freed once.
        unsafe { ffi::av_dict_free(&mut self.0) };
    }
}
