//! Ownership over FFmpeg's objects: each type frees what it holds, and no raw pointer leaves this
//! module except to its own children. It decides nothing about transcoding.

mod card_filter;
mod codec;
mod device;
mod dictionary;
mod frame;
mod input;
mod output;
mod packet;
mod reader;
mod resample;
mod signature;
mod sink;
mod status;

pub(crate) use card_filter::{CardFilter, Kernel, Layout};
#[cfg(test)]
pub(crate) use codec::unknown_options;
pub(crate) use codec::{
    AudioShape, Decoder, Encoder, Looks, VideoShape, find_encoder, has_decoder,
};
pub(crate) use device::{CardFrames, Device, decodes_on_card};
pub(crate) use dictionary::Dictionary;
pub(crate) use frame::{Frame, FramePool};
pub(crate) use input::{DisplayMatrix, Input, StreamInfo, StreamKind, can_read, quarter_turns};
pub(crate) use output::{Output, Parameters, StreamId};
pub(crate) use packet::Packet;
pub(crate) use resample::Resampler;
pub(crate) use signature::SignatureGraph;
pub(crate) use status::{Refusal, check, quiet};

use ffmpeg_sys_next as ffi;

/// A duration of one tick in seconds.
pub(crate) type Rational = ffi::AVRational;

/// A tick of `num / den` seconds.
pub(crate) const fn rational(num: i32, den: i32) -> Rational {
    Rational { num, den }
}

/// "No time given".
pub(crate) const NO_TIME: i64 = i64::MIN;

/// Ticks of one size as ticks of another, to the nearest; halves away from zero.
pub(crate) fn rescale(ticks: i64, from: Rational, to: Rational) -> i64 {
    if ticks == NO_TIME {
        return NO_TIME;
    }
    // SAFETY: a pure function of its arguments.
    unsafe { ffi::av_rescale_q(ticks, from, to) }
}
