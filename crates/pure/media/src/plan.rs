//! What a transcode will do, decided before and apart from doing it: sizes, key frames, which
//! source picture is shown when, and times a container takes. Integers only.

pub mod frame_rate;
pub mod geometry;
pub mod gop;
pub mod timestamps;
pub mod unit_order;
