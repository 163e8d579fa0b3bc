//! Signatures made beside renditions, judged by comparing them.

use streamflow_media::signature::{Signature, equal};
use streamflow_types::{Container, FrameRate, Work};

use crate::clips::{made, profile, run};

/// Film, with B-frames and sound.
const FILM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../tests/media/bunny-720p30.ts"
);

/// Signatures of one rendition for each of these: width, height, bit rate, container.
fn signed(source: &[u8], asked: &[(u32, u32, u32, Container)], fps: FrameRate) -> Vec<Vec<u8>> {
    let profiles = asked.iter().map(|(width, height, bitrate, container)| {
        let mut asked = profile(*width, *height, fps);
        (asked.bitrate, asked.container) = (*bitrate, Some(*container));
        asked
    });
    let mut work = Work::new(profiles.collect());
    work.signature = true;
    let product = run(source, &work).unwrap();
    let signatures = product.renditions.into_iter().map(|each| each.signature);
    signatures.map(|bytes| bytes.unwrap().to_vec()).collect()
}

/// Two seconds of the film, by the ffmpeg program, with these filters and arguments.
fn part(name: &str, arguments: &str) -> Vec<u8> {
    made(
        name,
        &format!("-i {FILM} -t 2 {arguments} -an -c:v libx264 -preset veryfast -muxdelay 0"),
    )
}

#[test]
fn renditions_of_one_film_have_equal_signatures() {
    let ladder = [
        (640, 360, 900_000, Container::MpegTs),
        (640, 360, 150_000, Container::Mp4),
        (426, 240, 300_000, Container::MpegTs),
    ];
    let signatures = signed(&part("film-whole.ts", ""), &ladder, FrameRate::SOURCE);
    let again = signed(&part("film-whole.mp4", ""), &ladder[..1], FrameRate::SOURCE);
    for (other, (width, height, ..)) in signatures.iter().zip(ladder) {
        let read = Signature::parse(other).unwrap();
        assert_eq!((read.frames(), read.size()), (60, (width, height)));
        assert_eq!(equal(&signatures[0], other), Ok(true));
        assert_eq!(equal(other, &again[0]), Ok(true));
    }
}

#[test]
fn other_pictures_have_other_signatures() {
    let ladder = [(426, 240, 300_000, Container::MpegTs)];
    let sign = |source: &[u8]| signed(source, &ladder, FrameRate::whole(30)).remove(0);
    let film = sign(&part("film-whole.ts", ""));
    let mirrored = sign(&part("film-mirrored.ts", "-vf hflip"));
    let bars = sign(&crate::clips::moving(640, 360, "30", "ts"));
    for other in [mirrored, bars] {
        assert_eq!(equal(&film, &other), Ok(false));
    }
}

#[test]
fn a_signature_cut_short_is_none() {
    let ladder = [(160, 90, 100_000, Container::MpegTs)];
    let whole = signed(&crate::clips::short(10), &ladder, FrameRate::SOURCE).remove(0);
    assert_eq!(equal(&whole, &whole), Ok(true));
    for length in [0, 1, 40, whole.len() / 2, whole.len() - 1] {
        assert!(equal(&whole, &whole[..length]).is_err(), "{length}");
    }
}
