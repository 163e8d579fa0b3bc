//! Segments that no honest encoder makes, and some that only odd ones make.
//!
//! Each is made here, from the real clip: by the `ffmpeg` program where it takes an encoder, by
//! hand where it takes a liar.

mod bytes;
mod encoded;
mod forged;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::network::clip;

/// What a sender may expect of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Odd, but video: every rendition comes back.
    Works,
    /// No video, or a lie: refused with a reason.
    Refused,
    /// Damaged: decoders may find enough in it or not. One of the two happens.
    Either,
}

/// One input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What it is, as a word for an address.
    pub name: String,
    /// What may become of it.
    pub expect: Expect,
    /// What is sent.
    pub bytes: Vec<u8>,
}

/// Where inputs are made.
struct Workshop {
    folder: PathBuf,
    /// Two seconds of the clip, small: what most inputs are damaged from.
    base: Vec<u8>,
    inputs: Vec<Input>,
}

/// Makes all inputs; `folder` is for what `ffmpeg` writes.
pub fn inputs(folder: &Path) -> anyhow::Result<Vec<Input>> {
    let mut workshop = Workshop {
        folder: folder.to_owned(),
        base: Vec::new(),
        inputs: Vec::new(),
    };
    workshop.base = workshop.ffmpeg("base.ts", "-t 2 -vf scale=320:180 -c:v libx264 -c:a copy")?;
    bytes::add(&mut workshop);
    encoded::add(&mut workshop)?;
    forged::add(&mut workshop)?;
    Ok(workshop.inputs)
}

impl Workshop {
    fn add(&mut self, name: &str, expect: Expect, bytes: Vec<u8>) {
        self.inputs.push(Input {
            name: name.to_owned(),
            expect,
            bytes,
        });
    }

    /// What the `ffmpeg` program makes of the clip with these arguments.
    fn ffmpeg(&self, file: &str, arguments: &str) -> anyhow::Result<Vec<u8>> {
        self.ffmpeg_from(&clip(), file, arguments)
    }

    /// What the `ffmpeg` program makes of a file with these arguments.
    fn ffmpeg_from(&self, from: &Path, file: &str, arguments: &str) -> anyhow::Result<Vec<u8>> {
        let to = self.folder.join(file);
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-nostdin", "-y", "-i"])
            .arg(from);
        self.finish(command, &to, arguments)
    }

    /// What the `ffmpeg` program makes of a picture it invents.
    fn invented(&self, file: &str, picture: &str, arguments: &str) -> anyhow::Result<Vec<u8>> {
        let to = self.folder.join(file);
        let mut command = Command::new("ffmpeg");
        command.args([
            "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", picture,
        ]);
        self.finish(command, &to, arguments)
    }

    fn finish(&self, mut command: Command, to: &Path, arguments: &str) -> anyhow::Result<Vec<u8>> {
        command.args(arguments.split_whitespace());
        if arguments.contains("libx264") {
            command.args(["-preset", "ultrafast"]);
        }
        let output = command.arg(to).output().context("ffmpeg")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {errors}", to.display());
        std::fs::read(to).with_context(|| to.display().to_string())
    }
}
