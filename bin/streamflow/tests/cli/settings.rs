//! `streamflow config` and the order of the layers.

use serde_json::Value;

use crate::program::Home;

fn value_of<'a>(printed: &'a Value, key: &str) -> (&'a str, &'a str) {
    let entries = printed["data"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["key"] == key).unwrap();
    (
        entry["value"].as_str().unwrap(),
        entry["origin"].as_str().unwrap(),
    )
}

#[test]
fn flag_environment_file_and_default_are_laid_over_each_other() {
    let home = Home::new();
    let file = home.file(
        "c.toml",
        "[log]\nlevel = \"warn\"\nformat = \"json\"\n[node]\ndrain_time = \"7s\"\n",
        0o644,
    );
    let arguments = [
        "config",
        "print",
        "--json",
        "--config",
        &file,
        "--log-level",
        "debug",
    ];
    let mut command = home.command(&arguments);
    command
        .env("STREAMFLOW_LOG_FORMAT", "text")
        .env("STREAMFLOW_LOG_LEVEL", "error");
    let ran = crate::program::Ran::new(command.output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    let printed = ran.json();
    assert_eq!(value_of(&printed, "log.level"), ("debug", "--log-level"));
    assert_eq!(
        value_of(&printed, "log.format"),
        ("text", "environment STREAMFLOW_LOG_FORMAT")
    );
    assert_eq!(
        value_of(&printed, "node.drain_time"),
        ("7s", format!("{file}:5").as_str())
    );
    assert_eq!(
        value_of(&printed, "gateway.rtmp_addr"),
        ("127.0.0.1:1935", "default")
    );
}

#[test]
fn the_file_in_the_home_is_found_and_the_environment_may_name_another() {
    let home = Home::new();
    std::fs::create_dir_all(home.path(".config/streamflow")).unwrap();
    home.file(
        ".config/streamflow/config.toml",
        "[log]\nlevel = \"warn\"\n",
        0o644,
    );
    let printed = home.run(&["config", "print", "--json"]).json();
    assert_eq!(value_of(&printed, "log.level").0, "warn");
    let other = home.file("other.toml", "[log]\nlevel = \"error\"\n", 0o644);
    let mut command = home.command(&["config", "print", "--json"]);
    command.env("STREAMFLOW_CONFIG", other);
    let printed = crate::program::Ran::new(command.output().unwrap()).json();
    assert_eq!(value_of(&printed, "log.level").0, "error");
}

#[test]
fn a_wrong_file_is_refused_with_line_and_nearest_key() {
    let home = Home::new();
    let file = home.file("c.toml", "[gateway]\nrtmp_adr = \"x\"\n", 0o644);
    let ran = home.run(&["gateway", "--config", &file]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("c.toml:2: ") && ran.err.contains("\"rtmp_addr\""),
        "{}",
        ran.err
    );
    let ran = home.run(&["gateway", "--config", "/nonexistent"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn config_check_passes_or_exits_with_7() {
    let home = Home::new();
    assert_eq!(home.run(&["config", "check"]).code, 0);
    let value = home.file("v.toml", "[node]\ndrain_time = 30\n", 0o644);
    let secret = home.file("secret", "swordfish", 0o644);
    let secret = format!("[transcoder]\nsecret_file = \"{secret}\"\n");
    let secret = home.file("s.toml", &secret, 0o644);
    let ladder = home.file("l.toml", "[gateway]\nladder = \"P1p\"\n", 0o644);
    for (file, code) in [
        (value, "config"),
        (secret, "secret-file"),
        (ladder, "ladder"),
    ] {
        let ran = home.run(&["config", "check", "--json", "--config", &file]);
        assert_eq!(
            (ran.code, ran.failure_code().as_str()),
            (7, code),
            "{ran:?}"
        );
    }
}

#[test]
fn the_reference_names_every_setting_three_ways() {
    let page = Home::new().run(&["config", "reference"]).out;
    let line = "| `discovery_timeout` | `--discovery-timeout` | `STREAMFLOW_GATEWAY_DISCOVERY_TIMEOUT` | TIME | `500ms` |";
    assert!(page.contains(line), "{page}");
}
