//! One to ten renditions: what each more costs, here and with the ffmpeg program, as a table, JSON
//! and a picture drawn from it.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{Bench, Cpu, LADDER, median_and_spread, peer};

/// What was measured, as it is kept beside the picture.
#[derive(Serialize, Deserialize)]
struct Growth {
    source: String,
    preset: String,
    rounds: usize,
    steps: Vec<Step>,
}

/// So many renditions: CPU milliseconds a segment, user and system.
#[derive(Serialize, Deserialize)]
struct Step {
    renditions: usize,
    added: String,
    ours_ms: f64,
    ffmpeg_ms: f64,
    /// The median of the rounds' ratios.
    ratio: f64,
}

pub(super) fn run(bench: &Bench, source: &str, rounds: usize, file: &Path) -> anyhow::Result<()> {
    println!("renditions   added   ours ms   ffmpeg ms   ratio   (CPU a segment)");
    let mut steps = Vec::new();
    for renditions in 1..=LADDER.len() {
        let step = measure(bench, renditions, rounds)?;
        println!(
            "{renditions:>10}{:>8}{:>10.0}{:>12.0}{:>8.3}",
            step.added, step.ours_ms, step.ffmpeg_ms, step.ratio
        );
        steps.push(step);
    }
    let growth = Growth {
        source: source.to_owned(),
        preset: bench.preset.clone(),
        rounds,
        steps,
    };
    let json = serde_json::to_string_pretty(&growth)? + "\n";
    std::fs::write(file, &json).with_context(|| file.display().to_string())?;
    let picture = file.with_extension("svg");
    let kept: Growth = serde_json::from_str(&json)?;
    std::fs::write(&picture, draw(&kept)).with_context(|| picture.display().to_string())?;
    println!("{}", serde_json::to_string(&growth)?);
    Ok(())
}

fn measure(bench: &Bench, renditions: usize, rounds: usize) -> anyhow::Result<Step> {
    let rungs = &LADDER[..renditions];
    let each = |cpu: Cpu| cpu.total().as_secs_f64() * 1000.0 / bench.segments.len() as f64;
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mine = each(bench.engine.round(&bench.segments, rungs, None)?);
        let other = each(peer::round(
            &bench.segments,
            rungs,
            &bench.preset,
            &bench.folder,
        )?);
        ours.push(mine);
        theirs.push(other);
        ratios.push(mine / other);
    }
    Ok(Step {
        renditions,
        added: LADDER[renditions - 1].0.to_owned(),
        ours_ms: median_and_spread(ours).0.round(),
        ffmpeg_ms: median_and_spread(theirs).0.round(),
        ratio: (median_and_spread(ratios).0 * 1000.0).round() / 1000.0,
    })
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 310.0;
const TOP: f64 = 30.0;
const RIGHT: f64 = 610.0;

/// Both lines over the number of renditions.
fn draw(growth: &Growth) -> String {
    let highest = growth
        .steps
        .iter()
        .map(|step| step.ours_ms.max(step.ffmpeg_ms))
        .fold(1.0, f64::max);
    let top = (highest / 500.0).ceil() * 500.0;
    let count = growth.steps.len().max(2) as f64;
    let x = |renditions: usize| LEFT + (renditions as f64 - 1.0) / (count - 1.0) * (RIGHT - LEFT);
    let y = |ms: f64| BOTTOM - ms / top * (BOTTOM - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    for line in 0..=4 {
        let ms = top * f64::from(line) / 4.0;
        let at = y(ms);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{ms:.0}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    for step in &growth.steps {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(step.renditions),
            BOTTOM + 18.0,
            step.renditions
        );
    }
    let theirs: Vec<f64> = growth.steps.iter().map(|step| step.ffmpeg_ms).collect();
    let ours: Vec<f64> = growth.steps.iter().map(|step| step.ours_ms).collect();
    let sides = [
        ("#b5442e", "ffmpeg program", theirs),
        ("#1f6f8b", "streamflow", ours),
    ];
    for (place, (colour, name, values)) in sides.into_iter().enumerate() {
        let points: Vec<String> = growth
            .steps
            .iter()
            .zip(values)
            .map(|(step, ms)| format!("{:.1},{:.1}", x(step.renditions), y(ms)))
            .collect();
        let legend = TOP + 14.0 + 18.0 * place as f64;
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{:.1}\" y=\"{legend:.1}\" fill=\"{colour}\">{name}</text>",
            points.join(" "),
            LEFT + 12.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">renditions of {}, {}</text>\
         <text x=\"{LEFT}\" y=\"{:.1}\">CPU ms for a segment of 2 s</text>\n</svg>",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 40.0,
        growth.source,
        growth.preset,
        TOP - 12.0
    );
    svg
}
