//! Roles from their start to an orderly end.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Home, Ran};

/// A gateway that serves sources only, on ports of its own.
const GATEWAY: [&str; 9] = [
    "gateway",
    "--fallback",
    "passthrough",
    "--rtmp-addr",
    "127.0.0.1:0",
    "--http-addr",
    "127.0.0.1:0",
    "--control-addr",
    "127.0.0.1:0",
];

fn with_data<'a>(arguments: &[&'a str], data: &'a str) -> Vec<&'a str> {
    [arguments, &["--data-dir", data]].concat()
}

/// A running program, killed when a test fails half way.
struct Started(Option<Child>);

impl Started {
    fn new(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(Some(command.spawn().unwrap()))
    }

    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    /// Sends SIGTERM and waits for the end.
    fn terminate(mut self) -> Ran {
        let child = self.0.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        Ran::new(child.wait_with_output().unwrap())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asks until the gateway that notes itself in this folder answers: others of this machine may
/// be on the usual ports.
fn await_status(home: &Home, data: &str) -> serde_json::Value {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let noted = std::fs::read_to_string(format!("{data}/gateway/control.url"));
        let node = noted.unwrap_or_else(|_| "http://127.0.0.1:1".to_owned());
        let ran = home.run(&["status", "--json", "--node", node.trim()]);
        if ran.code == 0 {
            return ran.json()["data"][0].clone();
        }
        assert!(Instant::now() < until, "no node answers: {ran:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_gateway_is_found_answers_and_drains_with_exit_0() {
    let home = Home::new();
    let data = home.path("data").display().to_string();
    let gateway = Started::new(&home, &with_data(&GATEWAY, &data));
    let status = await_status(&home, &data);
    assert_eq!(
        (&status["role"], &status["network"]),
        (&"gateway".into(), &"offchain".into())
    );
    let second = home.run(&with_data(&GATEWAY, &data));
    assert_eq!(second.code, 2, "{second:?}");
    assert!(
        second.err.contains(&format!("(process {})", gateway.id())),
        "{}",
        second.err
    );
    let ran = gateway.terminate();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        home.run(&["status", "--data-dir", &data, "--node", "127.0.0.1:1"])
            .code,
        4
    );
}

#[test]
fn up_prints_where_to_publish_and_moves_ports_that_are_taken() {
    let home = Home::new();
    let data = home.path("data").display().to_string();
    // Whether or not this machine uses the default port, it is taken now.
    let _holder = TcpListener::bind("127.0.0.1:1935");
    let arguments = ["up", "--json", "--fallback", "passthrough"];
    let up = Started::new(&home, &with_data(&arguments, &data));
    await_status(&home, &data);
    let ran = up.terminate();
    assert_eq!(ran.code, 0, "{ran:?}");
    let printed = ran.json();
    let publish = printed["data"]["publish"].as_str().unwrap();
    assert!(
        publish.starts_with("rtmp://127.0.0.1:") && publish.ends_with("/live/NAME"),
        "{publish}"
    );
    assert!(!publish.contains(":1935/"), "{publish}");
    assert!(
        printed["data"]["play"]
            .as_str()
            .unwrap()
            .ends_with("/play/NAME")
    );
}

#[test]
fn up_says_what_a_list_of_roles_lacks() {
    let home = Home::new();
    for (roles, hint) in [
        ("transcoder", "streamflow transcoder --orch"),
        ("gateway,orchestrator", "add transcoder to --role"),
    ] {
        let ran = home.run(&["up", "--json", "--role", roles]);
        assert_eq!(
            (ran.code, ran.failure_code().as_str()),
            (2, "roles"),
            "{ran:?}"
        );
        assert!(ran.out.contains(hint), "{ran:?}");
    }
    assert_eq!(home.run(&["up", "--role", "miner"]).code, 2);
}

#[test]
fn a_taken_port_is_exit_2_and_names_its_owner() {
    let home = Home::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let arguments = [
        "gateway",
        "--fallback",
        "passthrough",
        "--rtmp-addr",
        &address,
        "--control-addr",
        "127.0.0.1:0",
        "--json",
    ];
    let ran = home.run(&arguments);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "port-in-use"),
        "{ran:?}"
    );
    let message = ran.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains(&format!("(process {})", std::process::id())),
        "{message}"
    );
}

#[test]
fn what_a_role_lacks_is_said_before_anything_starts() {
    let home = Home::new();
    let open = home.file("open", "swordfish", 0o644);
    let secret = home.file("secret", "swordfish", 0o600);
    let bad_pin = [
        "gateway",
        "--json",
        "--pin",
        "abc",
        "--fallback",
        "passthrough",
    ];
    for (arguments, code) in [
        (&["transcoder", "--json"][..], "config"),
        (&["transcoder", "--json", "--orch", "h:8935"], "config"),
        (
            &[
                "transcoder",
                "--json",
                "--orch",
                "h:8935",
                "--secret-file",
                &open,
            ],
            "secret-file",
        ),
        (
            &[
                "transcoder",
                "--json",
                "--orch",
                "h",
                "--secret-file",
                &secret,
            ],
            "config",
        ),
        (&["orchestrator", "--json"], "config"),
        (
            &["gateway", "--json", "--control-addr", "0.0.0.0:0"],
            "control-exposed",
        ),
        (
            &["gateway", "--json", "--network", "mainnet"],
            "payments-not-offered",
        ),
        (&["gateway", "--json", "--ladder", "P1p"], "ladder"),
        (&["gateway", "--json", "--log-level", "x=loud"], "log"),
        (&bad_pin, "config"),
    ] {
        let ran = home.run(arguments);
        assert_eq!(
            (ran.code, ran.failure_code().as_str()),
            (2, code),
            "{arguments:?}: {ran:?}"
        );
    }
}

#[test]
fn secrets_are_never_printed() {
    let home = Home::new();
    let secret = home.file("secret", "swordfish", 0o600);
    let arguments = [
        "transcoder",
        "--orch",
        "127.0.0.1:1",
        "--secret-file",
        &secret,
        "--log-level",
        "trace",
    ];
    for extra in [&["--worker", "/nonexistent"][..], &["--help"]] {
        let ran = home.run(&[&arguments, extra].concat());
        assert!(!ran.out.contains("swordfish") && !ran.err.contains("swordfish"));
    }
    let printed = home.run(&["config", "print", "--json"]);
    assert!(!printed.out.contains("swordfish"));
}
