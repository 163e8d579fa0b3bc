//! MP4, whole and fragmented.

use streamflow_media::inspect::{InspectError, inspect};

use crate::made::{PICTURE, clip, mp4_of, ts};
use crate::{assert_agree, probe};

const FORMS: [&str; 4] = [
    "",
    "-movflags +faststart",
    "-bsf:a aac_adtstoasc -movflags +frag_keyframe+empty_moov+default_base_moof",
    "-bsf:a aac_adtstoasc -movflags +frag_keyframe+delay_moov+separate_moof",
];

#[test]
fn every_form_is_described_as_ffprobe_describes_it() {
    let source = clip(PICTURE, "-c:v libx264 -preset veryfast -bf 3 -g 20");
    for form in FORMS {
        let bytes = mp4_of(&source, form);
        let info = inspect(&bytes).unwrap();
        assert_agree(&info, &probe::probe(&bytes, "mp4"));
        // An index written before the first sample knows no configuration of its sound.
        let sound = (!form.contains("empty_moov")).then_some("mp4a.40.2");
        let names: Vec<_> = ["avc1.64000d"].into_iter().chain(sound).collect();
        assert_eq!(info.codec_strings(), names, "{form}");
        assert_eq!(info.video.unwrap().duration().unwrap().0, 180_000, "{form}");
    }
}

#[test]
fn hevc_keeps_the_name_of_its_track() {
    let coded = "-c:v libx265 -preset ultrafast -x265-params log-level=error";
    let source = clip(PICTURE, coded);
    for name in ["hvc1", "hev1"] {
        let bytes = mp4_of(&source, &format!("-tag:v {name}"));
        let info = inspect(&bytes).unwrap();
        assert_agree(&info, &probe::probe(&bytes, "mp4"));
        assert!(info.codec_strings()[0].starts_with(&format!("{name}.1.6.L")));
    }
}

#[test]
fn vp9_is_described_by_its_container() {
    let source = ts(&format!(
        "-f lavfi -i {PICTURE}:duration=1 -c:v libx264 -preset ultrafast"
    ));
    let bytes = mp4_of(&source, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8");
    let info = inspect(&bytes).unwrap();
    let video = info.video.as_ref().unwrap();
    assert_eq!((video.width, video.height), (320, 180));
    assert_eq!(video.frame_count(), 30);
    assert!(
        video
            .codec_string
            .as_deref()
            .unwrap()
            .starts_with("vp09.00.")
    );
}

#[test]
fn rotation_is_reported() {
    let source = clip(PICTURE, "-c:v libx264 -preset ultrafast");
    let upright = inspect(&mp4_of(&source, "")).unwrap();
    assert_eq!(upright.video.unwrap().display_matrix, None);
    let bytes = mp4_of(&source, "-metadata:s:v rotate=90");
    let matrix = inspect(&bytes)
        .unwrap()
        .video
        .unwrap()
        .display_matrix
        .unwrap();
    let probed = probe::probe(&bytes, "mp4");
    assert_eq!(
        matrix.as_slice(),
        probed.stream("video").unwrap().display_matrix()
    );
}

#[test]
fn a_file_cut_short_is_broken_or_without_index() {
    let source = clip(PICTURE, "-c:v libx264 -preset ultrafast");
    let behind = mp4_of(&source, "");
    let error = inspect(&behind[..behind.len() / 2]).unwrap_err();
    assert!(matches!(error, InspectError::Broken { .. }), "{error}");
    let front = mp4_of(&source, "-movflags +faststart");
    let error = inspect(&front[..front.len() / 2]).unwrap_err();
    assert!(error.to_string().contains("is not there"), "{error}");
}
