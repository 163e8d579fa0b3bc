//! Prometheus text, version 0.0.4.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::registry::{Buckets, OwnedLabels, Registry, Series};

/// Everything in the registry, names and labels in order. Names without a series are left out.
pub(super) fn render(registry: &Registry) -> String {
    let mut text = String::new();
    for (name, family) in registry
        .families()
        .iter()
        .filter(|(_, f)| !f.series.is_empty())
    {
        if let Some(help) = registry.help(name) {
            line(
                &mut text,
                format_args!("# HELP {name} {}", escape_help(help)),
            );
        }
        line(
            &mut text,
            format_args!("# TYPE {name} {}", family.kind.name()),
        );
        for (labels, series) in &family.series {
            match series {
                Series::Number(cell) => {
                    let value = f64::from_bits(cell.load(Ordering::Relaxed));
                    line(
                        &mut text,
                        format_args!("{name}{} {}", braces(labels), number(value)),
                    );
                }
                Series::Buckets(buckets) => histogram(&mut text, name, labels, buckets),
            }
        }
    }
    text
}

fn histogram(text: &mut String, name: &str, labels: &OwnedLabels, buckets: &Buckets) {
    let bounds = buckets
        .bounds
        .iter()
        .map(|bound| number(*bound))
        .chain(["+Inf".to_owned()]);
    let mut total = 0u64;
    for (bound, count) in bounds.zip(&buckets.counts) {
        total = total.wrapping_add(count.load(Ordering::Relaxed));
        let mut labels = labels.clone();
        labels.push(("le", bound));
        line(
            text,
            format_args!("{name}_bucket{} {total}", braces(&labels)),
        );
    }
    let sum = number(f64::from_bits(buckets.sum.load(Ordering::Relaxed)));
    line(text, format_args!("{name}_sum{} {sum}", braces(labels)));
    line(text, format_args!("{name}_count{} {total}", braces(labels)));
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn braces(labels: &OwnedLabels) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}=\"{}\"", escape(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn escape_help(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n")
}
