//! The bytes a demuxer reads, and everything else it may ask for refused.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use ffmpeg_sys_next as ffi;

use crate::control::Cancel;

/// What the library reads from.
pub(super) struct Reader {
    start: *const u8,
    length: usize,
    at: usize,
    cancel: Cancel,
}

impl Reader {
    /// The bytes must outlive it.
    pub(super) fn new(bytes: &[u8], cancel: &Cancel) -> Self {
        Self {
            start: bytes.as_ptr(),
            length: bytes.len(),
            at: 0,
            cancel: cancel.clone(),
        }
    }
}

pub(super) unsafe extern "C" fn read(opaque: *mut c_void, target: *mut u8, room: c_int) -> c_int {
    // SAFETY: the library passes back our reader, which lives as long as its context, and a
    // buffer with that much room.
    unsafe {
        let reader = &mut *opaque.cast::<Reader>();
        let room = usize::try_from(room).unwrap_or(0);
        let count = room.min(reader.length - reader.at);
        if count == 0 {
            return ffi::AVERROR_EOF;
        }
        ptr::copy_nonoverlapping(reader.start.add(reader.at), target, count);
        reader.at += count;
        count as c_int
    }
}

pub(super) unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `read`.
    let reader = unsafe { &mut *opaque.cast::<Reader>() };
    if whence & ffi::AVSEEK_SIZE != 0 {
        return reader.length as i64;
    }
    let base = match whence & !ffi::AVSEEK_FORCE {
        ffi::SEEK_SET => 0,
        ffi::SEEK_CUR => reader.at as i64,
        ffi::SEEK_END => reader.length as i64,
        _ => return i64::from(-libc::EINVAL),
    };
    let target = base
        .checked_add(offset)
        .and_then(|at| usize::try_from(at).ok());
    match target {
        Some(at) if at <= reader.length => {
            reader.at = at;
            at as i64
        }
        _ => i64::from(-libc::EINVAL),
    }
}

pub(super) unsafe extern "C" fn is_cancelled(opaque: *mut c_void) -> c_int {
    // SAFETY: as in `read`; the flag is atomic.
    c_int::from(unsafe { (*opaque.cast::<Reader>()).cancel.is_cancelled() })
}

/// Keeps a container from naming another source.
pub(super) unsafe extern "C" fn refuse_open(
    _context: *mut ffi::AVFormatContext,
    _io: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    -libc::EACCES
}
