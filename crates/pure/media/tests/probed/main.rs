//! What `inspect` says of real media is what `ffprobe` says of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod damaged;
mod made;
mod mp4;
mod probe;
mod rates;
mod transport;

use streamflow_media::inspect::MediaInfo;

use self::probe::Probed;

/// Compares everything both know about a segment.
fn assert_agree(info: &MediaInfo, probed: &Probed) {
    let ours = info.video.as_ref().expect("there is video");
    let theirs = probed.stream("video").expect("ffprobe sees video");
    assert_eq!((ours.width, ours.height), (theirs.width(), theirs.height()));
    assert_eq!(i64::from(ours.level), theirs.number("level"));
    assert_eq!(
        probe::pixel_format(ours.chroma, ours.bit_depth),
        theirs.text("pix_fmt")
    );
    assert_eq!(ours.frame_rate(), Some(theirs.rate("avg_frame_rate")));
    let times: Vec<_> = ours.frames.iter().map(|f| f.pts.map(|t| t.0)).collect();
    assert_eq!(times, theirs.packet_times("pts"));
    let times: Vec<_> = ours.frames.iter().map(|f| f.dts.map(|t| t.0)).collect();
    assert_eq!(times, theirs.packet_times("dts"));
    let keys: Vec<_> = ours.frames.iter().map(|f| f.key).collect();
    assert_eq!(keys, theirs.packet_keys());
    assert_eq!(ours.bytes, theirs.packet_bytes());
    let Some(theirs) = probed.stream("audio") else {
        assert_eq!(info.audio, None);
        return;
    };
    let ours = info.audio.as_ref().expect("there is audio");
    assert_eq!(i64::from(ours.sample_rate), theirs.number("sample_rate"));
    assert_eq!(i64::from(ours.channels), theirs.number("channels"));
    assert_eq!(ours.frames, theirs.packets());
    assert_eq!(ours.first_pts.map(|t| t.0), theirs.packet_times("pts")[0]);
    assert_eq!(ours.bytes, theirs.packet_bytes());
}
