//! `streamflow streams`: what a gateway carries.

use std::fmt::Write;

use serde_json::Value;
use streamflow_admin::{SegmentView, StreamDetail, StreamView, WorkPath};

use super::status::repeat;
use crate::cli::StreamsVerb;
use crate::control::{Control, Target};
use crate::output::{Output, table};

/// Lists, shows, stops, swaps.
pub(crate) async fn run(
    control: &Control,
    output: Output,
    verb: StreamsVerb,
) -> anyhow::Result<()> {
    match verb {
        StreamsVerb::List { watch } => {
            repeat(output, watch, || async {
                let streams: Vec<StreamView> =
                    control.ask(Target::Gateway, "/api/v1/streams").await?;
                output.data(&streams, || list(&streams));
                Ok(())
            })
            .await
        }
        StreamsVerb::Show(id) => {
            let path = format!("/api/v1/streams/{}", path_segment(&id));
            let stream: StreamDetail = control.ask(Target::Gateway, &path).await?;
            output.data(&stream, || show(&stream));
            Ok(())
        }
        StreamsVerb::Stop(id) => act(control, output, &id, "stop", "is stopped").await,
        StreamsVerb::Swap(id) => {
            act(control, output, &id, "swap", "moves with its next segment").await
        }
    }
}

async fn act(
    control: &Control,
    output: Output,
    id: &str,
    action: &str,
    done: &str,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/streams/{}/{action}", path_segment(id));
    let answer: Value = control.post(Target::Gateway, &path, None::<&()>).await?;
    output.data(&answer, || format!("{id} {done}"));
    Ok(())
}

/// A name as one segment of a path.
pub(super) fn path_segment(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn list(streams: &[StreamView]) -> String {
    if streams.is_empty() {
        return "no stream runs".to_owned();
    }
    let rows = streams.iter().map(|stream| {
        [
            stream.id.clone(),
            stream.resolution.clone().unwrap_or_else(|| "-".to_owned()),
            stream.profiles.join(","),
            place(stream.path, stream.orchestrator.as_deref()),
            format!(
                "{}/{}",
                stream.segments.succeeded,
                stream.segments.succeeded + stream.segments.failed
            ),
            stream.swaps.to_string(),
            milliseconds(stream.latency_p50_ms),
            milliseconds(stream.latency_p95_ms),
        ]
    });
    let header = [
        "stream",
        "source",
        "ladder",
        "worked by",
        "done",
        "swaps",
        "p50",
        "p95",
    ];
    table(header, rows.collect())
}

fn show(detail: &StreamDetail) -> String {
    let stream = &detail.stream;
    let mut text = list(std::slice::from_ref(stream));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n\nthrough {} since {}",
        stream.ingest, stream.started_at
    );
    if let Some(url) = &stream.playback_url {
        let _ = write!(text, "\nplays at {url}");
    }
    let rows: Vec<_> = detail.recent.iter().map(segment).collect();
    let _ = write!(
        text,
        "\n\n{}",
        table(["segment", "length", "worked by", "attempts"], rows)
    );
    text
}

fn segment(segment: &SegmentView) -> [String; 4] {
    let attempts = segment.attempts.iter().map(|attempt| match &attempt.error {
        None => format!("{} {} ms", attempt.orchestrator, attempt.took_ms),
        Some(error) => format!("{} {} ms: {error}", attempt.orchestrator, attempt.took_ms),
    });
    [
        segment.number.to_string(),
        format!("{} ms", segment.duration_ms),
        place(segment.path, None),
        attempts.collect::<Vec<_>>().join("; "),
    ]
}

fn place(path: WorkPath, orchestrator: Option<&str>) -> String {
    match path {
        WorkPath::Network => orchestrator.unwrap_or("network").to_owned(),
        WorkPath::Local => "this machine".to_owned(),
        WorkPath::Passthrough => "nobody, source only".to_owned(),
    }
}

fn milliseconds(time: Option<u64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        assert_eq!(path_segment("a b/../c?d"), "a%20b%2F..%2Fc%3Fd");
    }
}
