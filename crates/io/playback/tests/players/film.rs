//! A minute of real film as aligned segments, made once with the `ffmpeg` program.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;

use streamflow_types::{FrameRate, Profile};

/// Segments of the film, two seconds each.
pub(crate) const SEGMENTS: u64 = 30;

/// Bit rates of source and renditions, by the names of their files.
const OUTPUTS: [(&str, &str); 3] = [("source", "3000k"), ("360p", "800k"), ("240p", "300k")];

pub(crate) struct Film {
    folder: tempfile::TempDir,
}

impl Film {
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let filter = "[0:v]fps=30,split=3[v0][b][c];[b]scale=640:360[v1];[c]scale=426:240[v2];\
             [0:a]aresample=async=1:first_pts=0,asplit=3[a0][a1][a2]";
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-stream_loop", "15", "-i"])
            .arg(clip());
        command.args(["-t", "60", "-filter_complex", filter]);
        for (index, (name, rate)) in OUTPUTS.iter().enumerate() {
            let (video, sound) = (format!("[v{index}]"), format!("[a{index}]"));
            command.args(["-map", &video, "-map", &sound]);
            command.args(["-c:v", "libx264", "-preset", "ultrafast", "-b:v", rate]);
            command.args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"]);
            command.args([
                "-c:a",
                "aac",
                "-b:a",
                "64k",
                "-f",
                "segment",
                "-segment_time",
                "2",
            ]);
            command
                .args(["-segment_format", "mpegts"])
                .arg(folder.path().join(format!("{name}-%d.ts")));
        }
        let status = command
            .status()
            .expect("the ffmpeg program makes the test's film");
        assert!(status.success(), "ffmpeg ended with {status}");
        Self { folder }
    }

    pub(crate) fn segment(&self, name: &str, number: u64) -> Bytes {
        let path = self.folder.path().join(format!("{name}-{number}.ts"));
        std::fs::read(path).unwrap().into()
    }

    pub(crate) fn ladder() -> Vec<Profile> {
        let rung = |name, width, height, bitrate| {
            Profile::new(name, width, height, bitrate, FrameRate::SOURCE)
        };
        vec![
            rung("360p", 640, 360, 800_000),
            rung("240p", 426, 240, 300_000),
        ]
    }
}

fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/media/bunny-720p30.ts")
}
