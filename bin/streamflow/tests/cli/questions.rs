//! Verbs that ask a running node.

use serde_json::json;

use crate::fake_node::FakeNode;
use crate::program::Home;

#[test]
fn nobody_there_is_exit_4_with_an_envelope() {
    let home = Home::new();
    for arguments in [
        &["status", "--json", "--node", "http://127.0.0.1:1"][..],
        &["streams", "list", "--json", "--node", "127.0.0.1:1"],
        &[
            "call",
            "GET",
            "/api/v1/status",
            "--json",
            "--node",
            "http://127.0.0.1:1",
        ],
    ] {
        let ran = home.run(arguments);
        assert_eq!(
            (ran.code, ran.failure_code().as_str()),
            (4, "no-node"),
            "{ran:?}"
        );
        assert_eq!(ran.json()["error"]["retryable"], true);
    }
    let ran = home.run(&["status", "--node", "ftp://x"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn status_is_one_screen_or_the_envelope() {
    let (home, node) = (Home::new(), FakeNode::start());
    let ran = home.run(&["status", "--node", &node.url()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "gateway  not ready  up 1m1s",
        "no-orchestrators",
        "1 of 10",
        "5 done, 2 failed",
    ] {
        assert!(ran.out.contains(part), "{part} in {}", ran.out);
    }
    let ran = home
        .run(&["status", "--json", "--node", &node.url()])
        .json();
    assert_eq!((&ran["ok"], &ran["warnings"]), (&json!(true), &json!([])));
    assert_eq!(ran["data"][0]["role"], "gateway");
    assert_eq!(ran["data"][0]["segments"]["succeeded"], 5);
    assert_eq!(ran["data"][0]["node"], format!("{}/", node.url()));
}

#[test]
fn lists_are_tables_or_the_envelope() {
    let (home, node) = (Home::new(), FakeNode::start());
    let ran = home.run(&["streams", "list", "--node", &node.url()]);
    assert!(
        ran.out.contains("1280x720") && ran.out.contains("480p,360p"),
        "{}",
        ran.out
    );
    let ran = home
        .run(&["streams", "list", "--json", "--node", &node.url()])
        .json();
    assert_eq!(ran["data"][0]["orchestrator"], "https://o:8935");
}

#[test]
fn actions_reach_the_node_with_names_kept_in_their_place() {
    let (home, node) = (Home::new(), FakeNode::start());
    let ran = home.run(&["streams", "stop", "a/b", "--node", &node.url()]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "a/b is stopped\n"),
        "{ran:?}"
    );
    let ran = home.run(&[
        "orchestrators",
        "block",
        "https://o:1",
        "--node",
        &node.url(),
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let block = "POST /api/v1/orchestrators/block {\"url\":\"https://o:1\"}";
    assert_eq!(node.asked(), ["POST /api/v1/streams/a%2Fb/stop", block]);
}

#[test]
fn refusals_of_a_node_keep_their_code() {
    let (home, node) = (Home::new(), FakeNode::start());
    let ran = home.run(&["workers", "list", "--json", "--node", &node.url()]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (3, "not-offered"),
        "{ran:?}"
    );
    let ran = home.run(&["streams", "show", "x", "--json", "--node", &node.url()]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (3, "not-found"),
        "{ran:?}"
    );
}

#[test]
fn call_prints_what_the_node_says() {
    let (home, node) = (Home::new(), FakeNode::start());
    let ran = home.run(&["call", "get", "/odd", "--node", &node.url()]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "\"odd\"\n"), "{ran:?}");
    let ran = home.run(&["call", "GET", "/odd", "--json", "--node", &node.url()]);
    assert_eq!(
        (&ran.json()["ok"], &ran.json()["data"]),
        (&true.into(), &"odd".into())
    );
    assert_eq!(
        home.run(&["call", "PUT", "/odd", "--node", &node.url()])
            .code,
        2
    );
}

#[test]
fn a_node_that_talks_nonsense_is_no_bug_of_ours() {
    let (home, node) = (Home::new(), FakeNode::start());
    let url = format!("{}/", node.url());
    let ran = home.run(&["orchestrators", "list", "--json", "--node", &url]);
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[test]
fn a_network_that_does_not_run_is_exit_4_and_a_film_that_is_not_there_exit_2() {
    let home = Home::new();
    let data = home.path("data").display().to_string();
    for action in [&["status"][..], &["down"], &["kill", "gateway"]] {
        let ran = home.run(&[&["devnet", "--json", "--data-dir", &data], action].concat());
        assert_eq!(
            (ran.code, ran.failure_code().as_str()),
            (4, "no-network"),
            "{ran:?}"
        );
    }
    let up = ["devnet", "up", "--json", "--data-dir", &data];
    let ran = home.run(&[&up[..], &["--video", "/nonexistent"]].concat());
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "video"),
        "{ran:?}"
    );
}
