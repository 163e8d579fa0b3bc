//! Real segments and real renditions, made once by the ffmpeg program.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use streamflow_media::inspect::inspect;
use streamflow_types::{FrameRate, Pixels, Profile};

/// Segments made, each two seconds long.
pub(crate) const SEGMENTS: usize = 4;

/// The renditions of the tests.
pub(crate) fn ladder() -> Vec<Profile> {
    vec![
        Profile::new("small", 160, 90, 200_000, FrameRate::SOURCE),
        Profile::new("tiny", 146, 82, 150_000, FrameRate::SOURCE),
    ]
}

/// One source segment and what an honest orchestrator makes of it.
#[derive(Clone)]
pub(crate) struct Film {
    pub(crate) source: Bytes,
    renditions: HashMap<String, Bytes>,
}

impl Film {
    /// The rendition of a profile.
    pub(crate) fn rendition(&self, profile: &str) -> (Bytes, Pixels) {
        let bytes = self.renditions[profile].clone();
        let info = inspect(&bytes).unwrap();
        let video = info.video.unwrap();
        (
            bytes,
            Pixels::of_frames(video.width, video.height, video.frame_count()).unwrap(),
        )
    }

    /// A rendition of a size nobody asked for.
    pub(crate) fn wrong_size(&self) -> (Bytes, Pixels) {
        self.rendition("other")
    }
}

/// The segments in order.
pub(crate) fn film() -> Arc<Vec<Film>> {
    static FILM: OnceLock<Arc<Vec<Film>>> = OnceLock::new();
    FILM.get_or_init(|| Arc::new(make())).clone()
}

/// The film as one file, for publishers.
pub(crate) fn write_film(path: &Path) {
    let all: Vec<u8> = film().iter().flat_map(|one| one.source.to_vec()).collect();
    std::fs::write(path, all).unwrap();
}

fn make() -> Vec<Film> {
    let folder = tempfile::tempdir().unwrap();
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc=size=320x180:rate=15 -f lavfi -i sine=frequency=440:sample_rate=44100 \
         -t 8 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 30 -keyint_min 30 -sc_threshold 0 \
         -c:a aac -b:a 64k -f segment -segment_time 2 -segment_format mpegts s%d.ts",
    );
    (0..SEGMENTS)
        .map(|number| transcoded(folder.path(), number))
        .collect()
}

fn transcoded(folder: &Path, number: usize) -> Film {
    let sizes = [("small", 160, 90), ("tiny", 146, 82), ("other", 192, 108)];
    for (name, width, height) in sizes {
        ffmpeg(
            folder,
            &format!(
                "-copyts -i s{number}.ts -vsync passthrough -enc_time_base -1 -vf scale={width}:{height} -c:v libx264 -preset ultrafast \
                 -b:v 150k -bf 0 -c:a copy -muxdelay 0 -muxpreload 0 -f mpegts {name}{number}.ts"
            ),
        );
    }
    let read =
        |name: &str| Bytes::from(std::fs::read(folder.join(format!("{name}{number}.ts"))).unwrap());
    Film {
        source: read("s"),
        renditions: sizes.map(|(name, ..)| (name.to_owned(), read(name))).into(),
    }
}

fn ffmpeg(folder: &Path, arguments: &str) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
