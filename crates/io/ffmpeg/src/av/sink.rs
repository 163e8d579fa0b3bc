//! Memory that the library writes a container into, and reads back while it moves an index to the
//! front.

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use ffmpeg_sys_next as ffi;

use super::Refusal;

/// Bytes collected before they reach the sink.
const WRITE_BLOCK: usize = 64 << 10;

/// The bytes written, with a bound.
pub(super) struct Sink {
    bytes: UnsafeCell<Vec<u8>>,
    limit: usize,
    full: bool,
}

/// One of the library's places in the sink.
struct Cursor {
    sink: *mut Sink,
    at: usize,
}

impl Sink {
    /// An empty one that takes so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: UnsafeCell::new(Vec::new()),
            limit,
            full: false,
        }
    }

    /// Whether more was to be written than it takes.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// All bytes written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.bytes.get_mut())
    }
}

/// Makes the library's handle on a new place in the sink.
pub(super) unsafe fn open_cursor(
    sink: *mut Sink,
    writes: bool,
) -> Result<*mut ffi::AVIOContext, Refusal> {
    // SAFETY: the block and the cursor become the library's; `close_cursor` takes them back.
    unsafe {
        let block = ffi::av_malloc(WRITE_BLOCK);
        if block.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        let cursor = Box::into_raw(Box::new(Cursor { sink, at: 0 }));
        let io = ffi::avio_alloc_context(
            block.cast(),
            WRITE_BLOCK as c_int,
            c_int::from(writes),
            cursor.cast(),
            if writes { None } else { Some(read) },
            if writes { Some(write) } else { None },
            Some(seek),
        );
        if io.is_null() {
            ffi::av_free(block);
            drop(Box::from_raw(cursor));
            return Err(Refusal::NO_MEMORY);
        }
        Ok(io)
    }
}

pub(super) unsafe fn close_cursor(mut io: *mut ffi::AVIOContext) {
    if io.is_null() {
        return;
    }
    // SAFETY: made by `open_cursor` and closed once.
    unsafe {
        drop(Box::from_raw((*io).opaque.cast::<Cursor>()));
        ffi::av_freep((&raw mut (*io).buffer).cast());
        ffi::avio_context_free(&mut io);
    }
}

/// Moving the index of an MP4 to its front reads the output while it is written.
pub(super) unsafe extern "C" fn open_again(
    context: *mut ffi::AVFormatContext,
    io: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    if flags != ffi::AVIO_FLAG_READ {
        return -libc::EACCES;
    }
    // SAFETY: `opaque` is the sink of this very output.
    match unsafe { open_cursor((*context).opaque.cast(), false) } {
        Ok(cursor) => {
            // SAFETY: the library passes a place for the handle.
            unsafe { *io = cursor };
            0
        }
        Err(refusal) => refusal.0,
    }
}

pub(super) unsafe extern "C" fn close_again(
    _context: *mut ffi::AVFormatContext,
    io: *mut ffi::AVIOContext,
) -> c_int {
    // SAFETY: only handles of `open_again` are closed through here.
    unsafe { close_cursor(io) };
    0
}

unsafe extern "C" fn read(opaque: *mut c_void, target: *mut u8, room: c_int) -> c_int {
    // SAFETY: the cursor is ours and its sink outlives it; the library calls from one thread.
    unsafe {
        let cursor = &mut *opaque.cast::<Cursor>();
        let bytes = &*(*cursor.sink).bytes.get();
        let rest = bytes.get(cursor.at..).unwrap_or(&[]);
        let count = rest.len().min(usize::try_from(room).unwrap_or(0));
        if count == 0 {
            return ffi::AVERROR_EOF;
        }
        ptr::copy_nonoverlapping(rest.as_ptr(), target, count);
        cursor.at += count;
        count as c_int
    }
}

/// The library's type for bytes it will not see changed.
#[cfg(ffmpeg_7_0)]
type Written = *const u8;
#[cfg(not(ffmpeg_7_0))]
type Written = *mut u8;

unsafe extern "C" fn write(opaque: *mut c_void, from: Written, count: c_int) -> c_int {
    // SAFETY: as in `read`; the library passes that many bytes.
    unsafe {
        let cursor = &mut *opaque.cast::<Cursor>();
        let sink = &mut *cursor.sink;
        let from: *const u8 = from;
        let from = std::slice::from_raw_parts(from, count.max(0) as usize);
        let end = cursor.at.saturating_add(from.len());
        if end > sink.limit {
            sink.full = true;
            return -libc::ENOSPC;
        }
        let bytes = sink.bytes.get_mut();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[cursor.at..end].copy_from_slice(from);
        cursor.at = end;
        count
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `read`.
    let cursor = unsafe { &mut *opaque.cast::<Cursor>() };
    // SAFETY: the sink outlives its cursors; the library calls from one thread.
    let length = unsafe { (*(*cursor.sink).bytes.get()).len() };
    if whence & ffi::AVSEEK_SIZE != 0 {
        return length as i64;
    }
    let base = match whence & !ffi::AVSEEK_FORCE {
        ffi::SEEK_SET => 0,
        ffi::SEEK_CUR => cursor.at as i64,
        ffi::SEEK_END => length as i64,
        _ => return i64::from(-libc::EINVAL),
    };
    match base
        .checked_add(offset)
        .and_then(|at| usize::try_from(at).ok())
    {
        // Places past the end are filled with zeroes by the next write, within the bound.
        Some(at) => {
            cursor.at = at;
            at as i64
        }
        None => i64::from(-libc::EINVAL),
    }
}
