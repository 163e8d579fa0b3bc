//! Help, version, and lines that do not parse.

use crate::program::Home;

#[test]
fn help_is_an_answer_and_fits_a_screen() {
    let home = Home::new();
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["gateway", "--help"],
        &["up", "-help"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(
            ran.out.contains("Example") && ran.out.lines().count() <= 40,
            "{}",
            ran.out
        );
    }
    let all = home.run(&["gateway", "--help-all"]);
    assert!(all.out.contains("--discovery-timeout") && all.out.contains("--worker-memory"));
    assert!(!all.out.contains("misbehave"));
}

#[test]
fn the_version_is_one_line() {
    let ran = Home::new().run(&["--version"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "streamflow 0.1.0\n"));
}

#[test]
fn lines_that_do_not_parse_exit_with_2() {
    let home = Home::new();
    for arguments in [
        &["gatway"][..],
        &["gateway", "--rtmp-adr", "x"],
        &["streams"],
        &["call"],
    ] {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(!ran.err.is_empty());
    }
    let ran = home.run(&["status", "--json", "--nonsense"]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "usage"),
        "{ran:?}"
    );
}

#[test]
fn shells_get_their_files() {
    let home = Home::new();
    assert!(
        home.run(&["completions", "bash"])
            .out
            .contains("_streamflow")
    );
    assert!(home.run(&["man"]).out.contains(".TH"));
}
