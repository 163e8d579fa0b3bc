//! The same request to the engine and to the ffmpeg program: as many pictures, as many pixels, the
//! same pictures.

use streamflow_ffmpeg::decode_check;
use streamflow_types::{FrameRate, Work};

use crate::clips::{ffprobe, frame_pts, made, moving, path_of, profile, run};

/// What the ffmpeg program makes of a source with these filters.
fn by_program(source: &str, filters: &str) -> Vec<u8> {
    let name = format!("by-program-{source}-{filters}.ts").replace(['/', ':', ',', '='], "_");
    made(
        &name,
        &format!(
            "-i {} -vf {filters} -fps_mode passthrough -c:v libx264 -preset ultrafast -bf 0 -an \
             -muxdelay 0 -copyts",
            path_of(source).display()
        ),
    )
}

#[test]
fn counts_are_those_of_the_ffmpeg_program_at_every_rate() {
    const RATES: [(&str, u32, u32); 7] = [
        ("24000/1001", 24_000, 1001),
        ("25", 25, 1),
        ("30000/1001", 30_000, 1001),
        ("30", 30, 1),
        ("50", 50, 1),
        ("60000/1001", 60_000, 1001),
        ("60", 60, 1),
    ];
    for (from, ..) in RATES {
        let source = moving(160, 90, from, "ts");
        let name = format!("moving-160x90-{}.ts", from.replace('/', "_"));
        let rates = RATES.map(|(_, num, den)| FrameRate { num, den });
        let work = Work::new(rates.map(|fps| profile(160, 90, fps)).to_vec());
        let product = run(&source, &work).unwrap();
        for (rendition, (to, ..)) in product.renditions.iter().zip(RATES) {
            let report = decode_check(&rendition.bytes).unwrap();
            let program = decode_check(&by_program(&name, &format!("fps={to}"))).unwrap();
            assert_eq!(report.frames, program.frames, "{from} to {to}");
            assert_eq!(rendition.pixels, program.pixels, "{from} to {to}");
        }
    }
}

#[test]
fn sizes_and_kept_times_are_those_of_the_ffmpeg_program() {
    for (width, height) in [(320, 180), (240, 180), (180, 320), (322, 136)] {
        let source = moving(width, height, "30", "ts");
        let name = format!("moving-{width}x{height}-30.ts");
        for side in [160, 240] {
            let scale = if width > height {
                format!("scale={side}:-2")
            } else {
                format!("scale=-2:{side}")
            };
            let work = Work::new(vec![profile(side, side / 2, FrameRate::SOURCE)]);
            let product = run(&source, &work).unwrap();
            let program = by_program(&name, &scale);
            let (ours, theirs) = (
                decode_check(&product.renditions[0].bytes).unwrap(),
                decode_check(&program).unwrap(),
            );
            let size = |report: &streamflow_ffmpeg::DecodeReport| (report.width, report.height);
            if size(&theirs).0 >= 146 {
                assert_eq!(size(&ours), size(&theirs), "{width}x{height} {side}");
                assert_eq!(product.renditions[0].pixels, theirs.pixels);
            }
            assert_eq!(ours.frames, theirs.frames);
            assert_eq!(frame_pts(&product.renditions[0].bytes), frame_pts(&program));
            let decoded = ffprobe(
                &source,
                "-count_frames -select_streams v -show_entries stream=nb_read_frames",
            );
            assert_eq!(decoded, [product.decoded_frames.to_string()]);
        }
    }
}

#[test]
fn uneven_times_meet_a_rate_as_in_the_ffmpeg_program() {
    let source = made(
        "uneven.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -vf \
         select='not(eq(mod(n,7),3))*not(eq(mod(n,11),5))' -vsync vfr -c:v libx264 -bf 3 \
         -pix_fmt yuv420p -muxdelay 0 -output_ts_offset 3",
    );
    let rates = [(30, 1), (15, 1), (24_000, 1001), (60, 1), (7, 1)];
    let rates = rates.map(|(num, den)| FrameRate { num, den });
    let work = Work::new(rates.map(|fps| profile(320, 180, fps)).to_vec());
    let product = run(&source, &work).unwrap();
    for (rendition, fps) in product.renditions.iter().zip(rates) {
        let program = by_program("uneven.ts", &format!("fps={}/{}", fps.num, fps.den));
        let (ours, theirs) = (
            decode_check(&rendition.bytes).unwrap(),
            decode_check(&program).unwrap(),
        );
        assert_eq!(ours.frames, theirs.frames, "{fps:?}");
    }
}
