//! Strangers send what they like, over every door; the film on the air misses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use streamflow_e2e::hostile::{Expect, Input, inputs};
use streamflow_e2e::judge::{self, Expected};
use streamflow_e2e::network::{Description, Network, clip};
use streamflow_e2e::reader::Reader;
use streamflow_e2e::strangers::{self, Peer};
use streamflow_e2e::{playlists, report};

/// An answer comes within this, whatever was sent.
const ANSWER: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_input_is_answered_and_hurts_nobody_else() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = tempfile::tempdir().unwrap();
    let made = inputs(data.path()).unwrap();
    assert!(made.len() >= 60, "only {} inputs", made.len());
    let network = Network::start(data.path(), Some(&clip())).await.unwrap();
    let description = network.description.clone();
    let expected: Vec<_> = description
        .ladder
        .iter()
        .map(|name| Expected {
            name: name.clone(),
            size: None,
        })
        .collect();
    let reader = Reader::new(&description.playlist).unwrap();
    reader
        .wait_for(expected.len() + 1, Duration::from_secs(60))
        .await
        .unwrap();

    let (until_known, until) = tokio::sync::watch::channel(None);
    let hostile = async {
        let wrong = strangers_come(&description, &made).await;
        until_known.send_replace(Some(Instant::now()));
        wrong
    };
    let (seen, wrong) = tokio::join!(reader.read_until(until), hostile);
    let seen = seen.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let verdicts = judge::judge(&seen, &expected, Instant::now())
        .await
        .unwrap();
    let summary = report::summarise(&verdicts, &seen, playlists::validate(&seen));
    println!("{summary}");
    assert!(summary.ok, "the film suffered: {summary}");
    let now = network.describe().await.unwrap();
    for member in &now.members {
        assert_eq!(member.restarts, 0, "{} died", member.name);
    }
    network.stop().await.unwrap();
}

/// Sends everything everywhere; gives what was not answered as it should.
async fn strangers_come(description: &Description, made: &[Input]) -> Vec<String> {
    let address = |name: &str| {
        let mut members = description.members.iter();
        let member = members.find(|member| member.name == name).unwrap();
        member.address.clone()
    };
    let (gateway, orchestrator) = (address("gateway"), address("orchestrator-1"));
    let mut wrong = Vec::new();
    let mut peer = Peer::new(&orchestrator).await.unwrap();
    for (number, input) in made.iter().enumerate() {
        // Two strangers with a stream each: one pushes while the other's segment is worked on.
        let (pushed, sent) = tokio::join!(push(&gateway, number, input), segment(&mut peer, input));
        wrong.extend(pushed);
        wrong.extend(sent);
    }
    wrong.extend(strangers::knock(&description.publish, ANSWER).await);
    wrong
}

/// Pushes an input as a segment of the strangers' stream; says what is wrong with the answer.
async fn push(gateway: &str, number: usize, input: &Input) -> Option<String> {
    let client = reqwest::Client::builder().timeout(ANSWER).build().unwrap();
    let url = format!("{gateway}/live/hostile/{number}.ts");
    let request = client
        .put(url)
        .header("Accept", "multipart/mixed")
        .header("Content-Duration", "2000")
        .body(input.bytes.clone());
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Some(format!("{}: no answer to its push: {error:?}", input.name)),
    };
    let status = answer.status().as_u16();
    let Ok(body) = answer.bytes().await else {
        return Some(format!("{}: half an answer to its push", input.name));
    };
    let shown = if status == 200 {
        0
    } else {
        body.len().min(300)
    };
    let text = String::from_utf8_lossy(&body[..shown]).into_owned();
    println!(
        "push {:<28} {status}  {}",
        input.name,
        text.lines().next().unwrap_or_default()
    );
    let fine = match (input.expect, status) {
        (Expect::Works | Expect::Either, 200) => true,
        (Expect::Refused | Expect::Either, 400 | 413 | 415 | 422 | 500) => !body.is_empty(),
        _ => false,
    };
    (!fine).then(|| format!("{}: pushed, answered {status}: {text}", input.name))
}

/// Sends an input to an orchestrator as a gateway does; says what is wrong with the answer.
async fn segment(peer: &mut Peer, input: &Input) -> Option<String> {
    let answer = tokio::time::timeout(ANSWER, peer.segment(&input.bytes)).await;
    let outcome = match answer {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => return Some(format!("{}: to /segment: {error:#}", input.name)),
        Err(_) => return Some(format!("{}: no answer from /segment", input.name)),
    };
    println!("segment {:<25} {outcome}", input.name);
    let worked = outcome.starts_with("renditions");
    let fine = match input.expect {
        Expect::Works => worked,
        Expect::Refused => !worked,
        Expect::Either => true,
    };
    (!fine).then(|| format!("{}: /segment answered {outcome}", input.name))
}
