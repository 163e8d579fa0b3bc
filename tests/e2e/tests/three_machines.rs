//! Gateway, orchestrator and transcoder on three machines, each a network namespace with its own
//! address, started with the commands of the README. Needs root, as making namespaces does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use streamflow_e2e::network::{looping_clip, program};

/// The machines and their addresses on the bridge between them.
const MACHINES: [(&str, &str); 3] = [
    ("sf-gateway", "10.77.0.1"),
    ("sf-orchestrator", "10.77.0.2"),
    ("sf-transcoder", "10.77.0.3"),
];

/// Seconds the stream is watched.
const SECONDS: &str = "24";

#[test]
fn three_machines_make_a_network_with_the_commands_of_the_readme() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: making network namespaces needs root");
        return;
    }
    let _machines = Machines::make();
    let data = tempfile::tempdir().unwrap();
    let secret = data.path().join("secret");
    std::fs::write(&secret, "a secret of three machines").unwrap();
    Command::new("chmod")
        .arg("600")
        .arg(&secret)
        .status()
        .unwrap();
    let secret = secret.to_str().unwrap();

    let node = program("streamflow").unwrap();
    let start = |machine: &str, arguments: &[&str]| {
        let folder = data.path().join(machine);
        Process::start(
            machine,
            &node,
            &[&["--data-dir", folder.to_str().unwrap()], arguments].concat(),
            &folder,
        )
    };
    let orchestrator = start(
        "sf-orchestrator",
        &[
            "orchestrator",
            "--service-addr",
            "https://10.77.0.2:8935",
            "--secret-file",
            secret,
        ],
    );
    let transcoder = start(
        "sf-transcoder",
        &[
            "transcoder",
            "--orch",
            "10.77.0.2:8935",
            "--secret-file",
            secret,
        ],
    );
    let gateway = start(
        "sf-gateway",
        &[
            "gateway",
            "--orch",
            "https://10.77.0.2:8935",
            "--ladder",
            "P360p30fps16x9,P240p30fps16x9",
        ],
    );
    for (machine, port) in [
        ("sf-orchestrator", 7935),
        ("sf-transcoder", 6935),
        ("sf-gateway", 5935),
    ] {
        wait_until_ready(machine, port);
    }

    let mut publisher = Command::new("ip")
        .args([
            "netns",
            "exec",
            "sf-gateway",
            "ffmpeg",
            "-v",
            "error",
            "-nostdin",
            "-re",
            "-stream_loop",
            "-1",
            "-i",
        ])
        .arg(looping_clip(data.path()).unwrap())
        .args([
            "-c",
            "copy",
            "-f",
            "flv",
            "rtmp://127.0.0.1:1935/live/three",
        ])
        .spawn()
        .unwrap();
    let watched = Command::new("ip")
        .args(["netns", "exec", "sf-gateway"])
        .arg(program("streamflow-watch").unwrap())
        .args([
            "http://127.0.0.1:9935/stream/three.m3u8",
            "--seconds",
            SECONDS,
        ])
        .args([
            "--rendition",
            "P360p30fps16x9=640x360",
            "--rendition",
            "P240p30fps16x9=426x240",
        ])
        .output()
        .unwrap();
    let _ = publisher.kill();
    let _ = publisher.wait();
    let summary = String::from_utf8_lossy(&watched.stdout);
    println!("{summary}");
    assert!(
        watched.status.success(),
        "{summary}{}",
        String::from_utf8_lossy(&watched.stderr)
    );

    for process in [gateway, orchestrator, transcoder] {
        process.stop();
    }
}

/// A node on one of the machines; killed when dropped.
struct Process {
    name: String,
    child: Child,
    log: std::path::PathBuf,
}

impl Process {
    fn start(machine: &str, program: &Path, arguments: &[&str], folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let log = folder.join("log");
        let file = std::fs::File::create(&log).unwrap();
        let child = Command::new("ip")
            .args(["netns", "exec", machine])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self {
            name: machine.to_owned(),
            child,
            log,
        }
    }

    /// Asks it to drain, as a service manager would.
    fn stop(mut self) {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                assert!(
                    status.success(),
                    "{} ended with {status}:\n{log}",
                    self.name
                );
                return;
            }
            assert!(
                Instant::now() < until,
                "{} did not drain in 20 s",
                self.name
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            println!(
                "log of {}:\n{}",
                self.name,
                std::fs::read_to_string(&self.log).unwrap_or_default()
            );
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn wait_until_ready(machine: &str, port: u16) {
    let until = Instant::now() + Duration::from_secs(60);
    let url = format!("http://127.0.0.1:{port}/readyz");
    loop {
        let answer = Command::new("ip")
            .args(["netns", "exec", machine, "curl", "-sf", "-m", "2", &url])
            .output()
            .unwrap();
        if answer.status.success() {
            return;
        }
        assert!(
            Instant::now() < until,
            "{machine} is not ready after a minute"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The namespaces and the bridge between them; taken away when dropped.
struct Machines;

impl Machines {
    fn make() -> Self {
        Self::take_away();
        let this = Self;
        ip("link add sf-bridge type bridge");
        ip("link set sf-bridge up");
        for (index, (name, address)) in MACHINES.iter().enumerate() {
            ip(&format!("netns add {name}"));
            ip(&format!(
                "link add sf-veth{index} type veth peer name eth0 netns {name}"
            ));
            ip(&format!("link set sf-veth{index} master sf-bridge up"));
            ip(&format!("-n {name} addr add {address}/24 dev eth0"));
            ip(&format!("-n {name} link set eth0 up"));
            ip(&format!("-n {name} link set lo up"));
        }
        this
    }

    fn take_away() {
        for (name, _) in MACHINES {
            let _ = Command::new("ip")
                .args(["netns", "del", name])
                .stderr(Stdio::null())
                .status();
        }
        let _ = Command::new("ip")
            .args(["link", "del", "sf-bridge"])
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        Self::take_away();
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .unwrap();
    assert!(status.success(), "ip {arguments} failed");
}
