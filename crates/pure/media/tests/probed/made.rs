//! Real media, made by the `ffmpeg` program once for each test run.

use std::process::{Command, Stdio};

/// A moving picture and a tone.
pub(crate) const PICTURE: &str = "testsrc2=size=320x180:rate=30";

/// What `ffmpeg` makes of arguments, as bytes of a transport stream.
pub(crate) fn ts(arguments: &str) -> Vec<u8> {
    run("ffmpeg", &format!("{arguments} -f mpegts -"), None)
}

/// A transport stream of two seconds with sound; `video` says how it is coded.
pub(crate) fn clip(picture: &str, video: &str) -> Vec<u8> {
    ts(&format!(
        "-f lavfi -i {picture}:duration=2 -f lavfi -i sine=sample_rate=48000:duration=2 \
         {video} -c:a aac -b:a 96k -ac 2"
    ))
}

/// The same media in MP4, by copying it there with these options.
pub(crate) fn mp4_of(ts: &[u8], options: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    let arguments = format!(
        "-f mpegts -i - -map 0 -c copy {options} -f mp4 {}",
        path.display()
    );
    run("ffmpeg", &arguments, Some(ts));
    file(&path)
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test reads what a program wrote"
)]
pub(crate) fn file(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Runs a program over bytes and gives what it prints.
#[allow(clippy::disallowed_methods, reason = "a pipe is fed while it is read")]
pub(crate) fn run(program: &str, arguments: &str, input: Option<&[u8]>) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(["-v", "error"])
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} (package ffmpeg) is needed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.map(<[u8]>::to_vec);
    let feeding = std::thread::spawn(move || {
        // A program that has seen enough closes its end.
        let _ = std::io::Write::write_all(&mut stdin, &input.unwrap_or_default());
    });
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments}: {}",
        output.status
    );
    output.stdout
}
