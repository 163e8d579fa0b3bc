//! A strict decode of a finished segment: what a buyer of renditions would count.

use streamflow_types::{Pixels, TranscodeFailure};

use crate::av::{self, Decoder, Frame, Input, Packet, StreamKind};
use crate::control::Cancel;
use crate::settings::Settings;
use crate::transcode::container_of;

/// Pictures looked at: the most that the longest segment may hold at the highest rate.
const MAX_FRAMES: u64 = 60 * 300 * 6 / 5;

/// What a strict decode found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DecodeReport {
    /// Pictures the decoder gave.
    pub frames: u64,
    /// Width × height summed over them.
    pub pixels: Pixels,
    /// Width of the first picture.
    pub width: u32,
    /// Height of the first picture.
    pub height: u32,
    /// Time of each picture in the order shown, in units of `time_base`.
    pub pts: Vec<i64>,
    /// Numerator and denominator of a tick in seconds.
    pub time_base: (i32, i32),
    /// Packets the decoder refused, and pictures it marked as damaged.
    pub errors: u64,
}

/// Decodes the video of a finished segment, concealing nothing, and counts what is wrong with it.
/// Fails when there is no video to decode.
pub fn decode_check(bytes: &[u8]) -> Result<DecodeReport, TranscodeFailure> {
    av::quiet();
    if bytes.is_empty() {
        return Err(TranscodeFailure::EmptyData);
    }
    let container = container_of(bytes).ok_or(TranscodeFailure::InvalidVideo)?;
    let max_pixels = Settings::default().max_picture_pixels;
    let mut input = Input::open(bytes, container, &[], max_pixels, &Cancel::default())?;
    let info = input
        .stream(StreamKind::Video)
        .ok_or(TranscodeFailure::InvalidVideo)?;
    input.keep_only(&[info.index]);
    let mut decoder = Decoder::open(&input, &info, max_pixels, true)?;
    let mut report = DecodeReport {
        time_base: (info.time_base.num, info.time_base.den),
        ..DecodeReport::default()
    };
    let mut packet = Packet::new()?;
    while input.read(&mut packet)? {
        if packet.stream() != info.index {
            continue;
        }
        if decoder.send(Some(&packet)).is_err() {
            report.errors += 1;
        }
        report.drain(&mut decoder)?;
    }
    if decoder.send(None).is_err() {
        report.errors += 1;
    }
    report.drain(&mut decoder)?;
    if report.frames == 0 {
        return Err(TranscodeFailure::InvalidVideo);
    }
    Ok(report)
}

impl DecodeReport {
    /// Takes what the decoder has ready. A refusal counts once and ends the turn.
    fn drain(&mut self, decoder: &mut Decoder) -> Result<(), TranscodeFailure> {
        loop {
            match decoder.receive() {
                Ok(frame) => self.count(&frame)?,
                Err(refusal) if refusal.is_again() || refusal.is_end() => return Ok(()),
                Err(_) => {
                    self.errors += 1;
                    return Ok(());
                }
            }
        }
    }

    fn count(&mut self, frame: &Frame) -> Result<(), TranscodeFailure> {
        if self.frames >= MAX_FRAMES {
            return Err(TranscodeFailure::InvalidVideo);
        }
        let size = (frame.width(), frame.height());
        if self.frames == 0 {
            (self.width, self.height) = size;
        }
        self.frames += 1;
        let pixels = Pixels::of_frames(size.0, size.1, 1).unwrap_or_default();
        self.pixels = self
            .pixels
            .checked_add(pixels)
            .ok_or(TranscodeFailure::InvalidVideo)?;
        self.pts.extend(frame.time());
        if frame.is_damaged() {
            self.errors += 1;
        }
        Ok(())
    }
}
