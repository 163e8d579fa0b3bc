//! One piece of encoded data.

use ffmpeg_sys_next as ffi;

use super::{NO_TIME, Rational, Refusal, check};

/// One piece of encoded data with its times. Cloning shares the data.
pub(crate) struct Packet(*mut ffi::AVPacket);

// SAFETY: a packet is owned by one thread at a time; its data is reference counted atomically and
// never written to after it was made.
unsafe impl Send for Packet {}
// SAFETY: through a shared reference fields are only read.
unsafe impl Sync for Packet {}

impl Packet {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, Refusal> {
        // SAFETY: allocates; null is checked.
        let packet = unsafe { ffi::av_packet_alloc() };
        if packet.is_null() {
            return Err(Refusal::NO_MEMORY);
        }
        Ok(Self(packet))
    }

    /// Another handle on the same data.
    pub(crate) fn share(&self) -> Result<Self, Refusal> {
        let copy = Self::new()?;
        // SAFETY: both are valid and the target is empty.
        check(unsafe { ffi::av_packet_ref(copy.0, self.0) })?;
        Ok(copy)
    }

    /// Lets go of the data.
    pub(crate) fn clear(&mut self) {
        // SAFETY: valid by construction.
        unsafe { ffi::av_packet_unref(self.0) };
    }

    /// Moves its times, where it has any.
    pub(crate) fn shift(&mut self, by: i64) {
        // SAFETY: valid by construction, and borrowed mutably.
        let packet = unsafe { &mut *self.0 };
        for time in [&mut packet.pts, &mut packet.dts] {
            if *time != NO_TIME {
                *time = time.saturating_add(by);
            }
        }
    }

    /// Sets presentation time, decoding time and duration.
    pub(crate) fn set_times(&mut self, pts: i64, dts: i64, duration: i64) {
        // SAFETY: valid by construction, and borrowed mutably.
        let packet = unsafe { &mut *self.0 };
        (packet.pts, packet.dts, packet.duration) = (pts, dts, duration);
    }

    pub(crate) fn rescale(&mut self, from: Rational, to: Rational) {
        // SAFETY: valid by construction.
        unsafe { ffi::av_packet_rescale_ts(self.0, from, to) };
    }

    pub(crate) fn set_stream(&mut self, index: i32) {
        // SAFETY: valid by construction.
        unsafe {
            (*self.0).stream_index = index;
            (*self.0).pos = -1;
        }
    }

    /// Whether decoding can start here.
    pub(crate) fn is_key(&self) -> bool {
        self.fields().flags & ffi::AV_PKT_FLAG_KEY != 0
    }

    pub(crate) fn stream(&self) -> i32 {
        self.fields().stream_index
    }

    pub(crate) fn pts(&self) -> i64 {
        self.fields().pts
    }

    pub(crate) fn dts(&self) -> i64 {
        self.fields().dts
    }

    /// When it is decoded, or else shown, where known.
    pub(crate) fn time(&self) -> Option<i64> {
        [self.dts(), self.pts()]
            .into_iter()
            .find(|time| *time != NO_TIME)
    }

    pub(crate) fn duration(&self) -> i64 {
        self.fields().duration
    }

    fn fields(&self) -> &ffi::AVPacket {
        // SAFETY: valid by construction.
        unsafe { &*self.0 }
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVPacket {
        self.0
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut ffi::AVPacket {
        self.0
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: ours; freed once.
        unsafe { ffi::av_packet_free(&mut self.0) };
    }
}
