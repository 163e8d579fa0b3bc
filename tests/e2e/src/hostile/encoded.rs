//! What real encoders make when they are asked for something odd.

use super::{Expect, Workshop};

pub(super) fn add(shop: &mut Workshop) -> anyhow::Result<()> {
    pictures(shop)?;
    counts(shop)?;
    sound(shop)?;
    containers(shop)?;
    times(shop)
}

/// Formats of pictures. The small size keeps them cheap; what is odd stays odd.
fn pictures(shop: &mut Workshop) -> anyhow::Result<()> {
    let small = "-t 1 -an -vf scale=320:180";
    let cases = [
        ("444", "-pix_fmt yuv444p -c:v libx264"),
        ("422", "-pix_fmt yuv422p -c:v libx264"),
        ("10-bit", "-pix_fmt yuv420p10le -c:v libx264"),
        ("grey", "-pix_fmt gray -c:v libx264"),
        ("full-range", "-pix_fmt yuvj420p -c:v libx264"),
        ("interlaced", "-flags +ildct+ilme -c:v libx264"),
        ("open-gop", "-x264-params open-gop=1:keyint=15 -c:v libx264"),
        ("16-references", "-refs 16 -bf 8 -c:v libx264"),
        ("many-slices", "-slices 30 -c:v libx264"),
        ("intra-only", "-g 1 -c:v libx264"),
        ("lossless", "-qp 0 -c:v libx264"),
        (
            "hevc",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none",
        ),
        ("mpeg2", "-c:v mpeg2video"),
    ];
    for (name, arguments) in cases {
        // Codecs beside H.264 and H.265 need not be taken.
        let expect = if name == "mpeg2" {
            Expect::Either
        } else {
            Expect::Works
        };
        let bytes = shop.ffmpeg(&format!("{name}.ts"), &format!("{small} {arguments}"))?;
        shop.add(name, expect, bytes);
    }
    for (name, size, expect) in [
        ("tiny", "32x32", Expect::Either),
        ("narrow", "16x480", Expect::Either),
        ("wide", "4000x16", Expect::Either),
        ("portrait", "180x320", Expect::Works),
        ("wider-than-allowed", "8192x64", Expect::Either),
    ] {
        let picture = format!("testsrc=size={size}:rate=30:duration=1");
        let arguments = "-pix_fmt yuv420p -c:v libx264";
        let bytes = shop.invented(&format!("{name}.ts"), &picture, arguments)?;
        shop.add(name, expect, bytes);
    }
    let odd = "testsrc=size=321x181:rate=30:duration=1";
    let bytes = shop.invented("odd.ts", odd, "-pix_fmt yuv444p -c:v libx264")?;
    shop.add("odd-size", Expect::Works, bytes);
    size_change(shop)
}

/// A phone that is turned: two sizes in one segment.
fn size_change(shop: &mut Workshop) -> anyhow::Result<()> {
    let upright = "testsrc=size=180x320:rate=30:duration=1";
    let lying = "testsrc=size=320x180:rate=30:duration=1";
    let encoder = "-pix_fmt yuv420p -c:v libx264";
    let mut bytes = shop.invented("lying.ts", lying, encoder)?;
    let later = format!("{encoder} -output_ts_offset 1");
    bytes.extend(shop.invented("upright.ts", upright, &later)?);
    shop.add("size-change", Expect::Works, bytes);
    Ok(())
}

fn counts(shop: &mut Workshop) -> anyhow::Result<()> {
    for frames in [1, 2, 3, 5] {
        let arguments = format!("-an -vf scale=320:180 -frames:v {frames} -c:v libx264");
        let bytes = shop.ffmpeg(&format!("{frames}-frames.ts"), &arguments)?;
        shop.add(&format!("{frames}-frames"), Expect::Works, bytes);
    }
    let slow = "-an -t 4 -vf fps=1,scale=320:180 -c:v libx264";
    let bytes = shop.ffmpeg("one-a-second.ts", slow)?;
    // A profile of 30 frames a second would repeat each more often than is allowed.
    shop.add("one-frame-a-second", Expect::Either, bytes);
    let fast = "-an -t 1 -vf scale=320:180,fps=240 -c:v libx264";
    let bytes = shop.ffmpeg("240fps.ts", fast)?;
    shop.add("240-frames-a-second", Expect::Either, bytes);
    // From the middle of a group of pictures: nothing in it can be decoded whole.
    let whole = shop.ffmpeg(
        "long-gop.ts",
        "-an -vf scale=320:180 -g 300 -bf 0 -c:v libx264",
    )?;
    let cut = whole.len() / 2 / 188 * 188;
    let mut headless = whole[..188 * 3].to_vec();
    headless.extend_from_slice(&whole[cut..]);
    shop.add("no-key-frame", Expect::Either, headless);
    Ok(())
}

fn sound(shop: &mut Workshop) -> anyhow::Result<()> {
    let video = "-t 1 -vf scale=320:180 -c:v libx264";
    let cases = [
        ("mp2", "-c:a mp2"),
        ("ac3", "-c:a ac3"),
        ("opus", "-c:a libopus"),
        ("8-channels", "-c:a aac -ac 8"),
        ("96-khz", "-c:a aac -ar 96000"),
        ("8-khz-mono", "-c:a aac -ar 8000 -ac 1"),
    ];
    for (name, arguments) in cases {
        let bytes = shop.ffmpeg(&format!("a-{name}.ts"), &format!("{video} {arguments}"))?;
        shop.add(&format!("audio-{name}"), Expect::Works, bytes);
    }
    let bytes = shop.ffmpeg("audio-only.ts", "-t 2 -vn -c:a copy")?;
    shop.add("audio-only", Expect::Refused, bytes);
    let tracks = " -map 0:v -map 0:a".repeat(50);
    let arguments = format!("-t 0.2 {tracks} -c copy");
    let bytes = shop.ffmpeg("hundred-pids.ts", arguments.trim())?;
    shop.add("hundred-pids", Expect::Either, bytes);
    Ok(())
}

fn containers(shop: &mut Workshop) -> anyhow::Result<()> {
    let small = "-t 1 -vf scale=320:180 -c:v libx264 -c:a aac";
    let mp4 = shop.ffmpeg("plain.mp4", &format!("{small} -movflags +faststart"))?;
    shop.add("mp4", Expect::Works, mp4.clone());
    let fragments = "-movflags +frag_keyframe+empty_moov+default_base_moof";
    let fragmented = shop.ffmpeg("fragmented.mp4", &format!("{small} {fragments}"))?;
    shop.add("mp4-fragmented", Expect::Works, fragmented);
    shop.add("mp4-cut", Expect::Either, mp4[..mp4.len() / 2].to_vec());
    let mut lying = mp4.clone();
    lying[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    shop.add("mp4-lying-box", Expect::Refused, lying);
    let late = shop.ffmpeg("late.mp4", small)?;
    shop.add("mp4-index-last", Expect::Works, late.clone());
    shop.add(
        "mp4-index-missing",
        Expect::Refused,
        late[..late.len() / 2].to_vec(),
    );
    for (name, file, arguments) in [
        ("matroska", "m.mkv", small),
        (
            "flv",
            "f.flv",
            "-t 1 -vf scale=320:180 -c:v libx264 -c:a aac -ar 44100",
        ),
        ("avi", "a.avi", small),
        ("gif", "g.gif", "-t 0.3 -an -vf scale=80:-1"),
        ("mp3", "s.mp3", "-t 1 -vn"),
        (
            "annex-b",
            "raw.h264",
            "-t 1 -an -vf scale=320:180 -c:v libx264",
        ),
    ] {
        let bytes = shop.ffmpeg(file, arguments)?;
        shop.add(&format!("container-{name}"), Expect::Refused, bytes);
    }
    Ok(())
}

fn times(shop: &mut Workshop) -> anyhow::Result<()> {
    let small = "-t 1 -vf scale=320:180 -c:v libx264 -c:a copy";
    // 33 bits of a 90 kHz clock wrap after 95,443.7 s.
    let wrap = format!("{small} -output_ts_offset 95443");
    let bytes = shop.ffmpeg("wrap.ts", &wrap)?;
    shop.add("clock-wraps", Expect::Either, bytes);
    let mut gap = shop.ffmpeg("gap-1.ts", small)?;
    gap.extend(shop.ffmpeg("gap-2.ts", &format!("{small} -output_ts_offset 3600"))?);
    shop.add("an-hour-in-the-middle", Expect::Either, gap);
    let mut back = shop.ffmpeg("back-1.ts", &format!("{small} -output_ts_offset 60"))?;
    back.extend(shop.ffmpeg("back-2.ts", small)?);
    shop.add("time-runs-back", Expect::Either, back);
    let long = shop.invented(
        "long.ts",
        "color=black:size=64x64:rate=1:duration=301",
        "-pix_fmt yuv420p -c:v libx264",
    )?;
    shop.add("longer-than-five-minutes", Expect::Refused, long);
    Ok(())
}
