//! Facts of an MP4 file.

use streamflow_types::{ChromaFormat, Codec, Container};

use super::report::{AudioCodec, AudioInfo, FrameTime, MediaInfo, VideoCodec, VideoInfo};
use super::{InspectError, audio, video};
use crate::codec::nal::LengthPrefixed;
use crate::codec::scan::{FoundFrame, Scanner};
use crate::codec::{HeaderError, aac, h264, hevc};
use crate::mp4::{Coding, Mp4, Sample, SampleEntry, Track, TrackKind, is_aac};
use crate::mpegts::Ticks;

pub(super) fn inspect(bytes: &[u8]) -> Result<MediaInfo, InspectError> {
    let mp4 = Mp4::parse(bytes).map_err(|error| broken(error.to_string()))?;
    let mut info = MediaInfo {
        container: Container::Mp4,
        bytes: bytes.len() as u64,
        video: None,
        audio: None,
        other_tracks: 0,
        transport: None,
    };
    for track in &mp4.tracks {
        match track.kind {
            TrackKind::Video if info.video.is_none() => {
                info.video = Some(video_track(bytes, track)?);
            }
            TrackKind::Audio if info.audio.is_none() => info.audio = Some(audio_track(track)),
            _ => info.other_tracks += 1,
        }
    }
    Ok(info)
}

fn video_track(file: &[u8], track: &Track<'_>) -> Result<VideoInfo, InspectError> {
    let Some(entry) = &track.entry else {
        return Ok(video::unknown(VideoCodec::Other));
    };
    let codec = match &entry.format {
        b"avc1" | b"avc3" => VideoCodec::Known(Codec::H264),
        b"hvc1" | b"hev1" => VideoCodec::Known(Codec::H265),
        b"vp08" => VideoCodec::Known(Codec::Vp8),
        b"vp09" => VideoCodec::Known(Codec::Vp9),
        b"av01" => VideoCodec::Av1,
        _ => VideoCodec::Other,
    };
    let mut info = video::unknown(codec);
    info.width = u32::from(entry.width);
    info.height = u32::from(entry.height);
    info.largest = (info.width, info.height);
    info.display_matrix = track.matrix;
    info.bytes = track.samples.iter().map(|s| u64::from(s.size)).sum();
    let last = track.samples.iter().max_by_key(|sample| sample.pts);
    info.last_duration = last.and_then(|last| ticks(track, i64::from(last.duration)));
    match configured(codec, entry).map_err(|error| broken(error.to_string()))? {
        Some((scanner, length_bytes)) => {
            scan(file, track, scanner, length_bytes, &mut info)?;
            rename(&mut info, entry);
        }
        None => {
            describe_vp(&mut info, entry);
            describe_av1(&mut info, entry);
            for sample in &track.samples {
                bytes_of(file, sample)?;
                info.frames
                    .push(frame(track, sample, sample.sync, sample.sync));
            }
        }
    }
    Ok(info)
}

/// A scanner that knows the parameter sets of the description; `None` for codecs without NAL
/// units.
fn configured(
    codec: VideoCodec,
    entry: &SampleEntry<'_>,
) -> Result<Option<(Scanner, usize)>, HeaderError> {
    let (sets, length_bytes) = match (codec, &entry.coding) {
        (VideoCodec::Known(Codec::H264), Coding::H264(body)) => {
            let config = h264::DecoderConfig::parse(body)?;
            let sets = [config.sequence_sets, config.picture_sets].concat();
            (sets, config.length_bytes)
        }
        (VideoCodec::Known(Codec::H265), Coding::H265(body)) => {
            let config = hevc::DecoderConfig::parse(body)?;
            (config.sequence_sets, config.length_bytes)
        }
        _ => return Ok(None),
    };
    let VideoCodec::Known(codec) = codec else {
        return Ok(None);
    };
    let Some(mut scanner) = Scanner::new(codec) else {
        return Ok(None);
    };
    for set in sets {
        scanner.push(0, set);
    }
    Ok(Some((scanner, length_bytes)))
}

fn scan(
    file: &[u8],
    track: &Track<'_>,
    mut scanner: Scanner,
    length_bytes: usize,
    info: &mut VideoInfo,
) -> Result<(), InspectError> {
    for sample in &track.samples {
        let bytes = bytes_of(file, sample)?;
        let mut first = true;
        for unit in LengthPrefixed::new(bytes, length_bytes) {
            let Some(FoundFrame { key, idr, .. }) = scanner.push(0, unit) else {
                continue;
            };
            if info.frames.len() >= super::MAX_FRAMES {
                return Err(InspectError::TooManyFrames);
            }
            let mut found = frame(track, sample, key, idr);
            if !first {
                // Further pictures of a sample have no time of their own.
                (found.pts, found.dts) = (None, None);
            }
            first = false;
            info.frames.push(found);
        }
    }
    video::describe(info, &scanner);
    Ok(())
}

fn frame(track: &Track<'_>, sample: &Sample, key: bool, idr: bool) -> FrameTime {
    FrameTime {
        pts: ticks(track, sample.pts),
        dts: ticks(track, sample.dts),
        key,
        idr,
    }
}

fn bytes_of<'a>(file: &'a [u8], sample: &Sample) -> Result<&'a [u8], InspectError> {
    sample.bytes(file).ok_or_else(|| {
        let Sample { offset, size, .. } = sample;
        broken(format!("a sample of {size} bytes at {offset} is not there"))
    })
}

fn ticks(track: &Track<'_>, units: i64) -> Option<Ticks> {
    Ticks::from_units(units, 1, track.timescale)
}

/// Parameter sets do not know under which of two names their track goes.
fn rename(info: &mut VideoInfo, entry: &SampleEntry<'_>) {
    if let Some(name) = &mut info.codec_string
        && let Some(format) = str::from_utf8(&entry.format).ok().filter(|f| f.is_ascii())
        && name.is_char_boundary(4)
    {
        name.replace_range(..4, format);
    }
}

/// `vpcC` says what parameter sets say of other codecs.
fn describe_vp(info: &mut VideoInfo, entry: &SampleEntry<'_>) {
    let Coding::Vp(&[_, _, _, _, profile, level, depth, ..]) = entry.coding else {
        return;
    };
    info.profile = profile;
    info.level = level;
    info.bit_depth = depth >> 4;
    info.chroma = match depth >> 1 & 7 {
        2 => Some(ChromaFormat::Yuv422),
        3 => Some(ChromaFormat::Yuv444),
        _ => Some(ChromaFormat::Yuv420),
    };
    let name = if entry.format == *b"vp08" {
        "vp08"
    } else {
        "vp09"
    };
    info.codec_string = Some(format!(
        "{name}.{profile:02}.{level:02}.{:02}",
        info.bit_depth
    ));
}

/// And so does `av1C`.
fn describe_av1(info: &mut VideoInfo, entry: &SampleEntry<'_>) {
    let Coding::Av1(&[_, profile_level, flags, ..]) = entry.coding else {
        return;
    };
    info.profile = profile_level >> 5;
    info.level = profile_level & 0x1f;
    info.bit_depth = match flags >> 5 & 3 {
        0 | 1 => 8,
        2 => 10,
        _ => 12,
    };
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    info.codec_string = Some(format!(
        "av01.{}.{:02}{tier}.{:02}",
        info.profile, info.level, info.bit_depth
    ));
}

fn audio_track(track: &Track<'_>) -> AudioInfo {
    let Some(entry) = &track.entry else {
        return audio::unknown(AudioCodec::Other);
    };
    let (codec, name) = match (&entry.format, &entry.coding) {
        (_, Coding::Aac(config)) => (AudioCodec::Aac, Some(aac::codec_string(config.object_type))),
        (_, Coding::Object(object)) if is_aac(*object) => (AudioCodec::Aac, None),
        (_, Coding::Object(0x69 | 0x6b)) | (b".mp3", _) => {
            (AudioCodec::MpegAudio, Some("mp4a.40.34".to_owned()))
        }
        (b"ac-3", _) => (AudioCodec::Ac3, None),
        (b"ec-3", _) => (AudioCodec::Eac3, None),
        (b"Opus", _) => (AudioCodec::Opus, None),
        _ => (AudioCodec::Other, None),
    };
    let mut info = audio::unknown(codec);
    info.codec_string = name.or(info.codec_string);
    info.sample_rate = entry.sample_rate;
    info.channels = u8::try_from(entry.channels).unwrap_or(u8::MAX);
    if let Coding::Aac(config) = entry.coding {
        info.sample_rate = config.sample_rate;
        if config.channels != 0 {
            info.channels = config.channels;
        }
    }
    info.frames = track.samples.len() as u64;
    info.bytes = track.samples.iter().map(|s| u64::from(s.size)).sum();
    info.first_pts = track.samples.first().and_then(|s| ticks(track, s.pts));
    let units: i64 = track
        .samples
        .iter()
        .fold(0, |sum, s| sum.saturating_add(i64::from(s.duration)));
    info.duration = ticks(track, units);
    info
}

const fn broken(problem: String) -> InspectError {
    InspectError::Broken {
        container: Container::Mp4,
        problem,
    }
}
