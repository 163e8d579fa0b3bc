//! A gateway, an orchestrator and a transcoder as processes of their own, and what the kernel says
//! about each.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// How long a role may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// The kernel counts CPU time in these parts of a second.
const TICKS: f64 = 100.0;

/// What the renditions are called, and bits a second of each: 350 KB in two seconds.
pub(crate) const LADDER: [(&str, u32, u32, u32); 3] = [
    ("360p", 640, 360, 800_000),
    ("240p", 426, 240, 400_000),
    ("144p", 256, 144, 200_000),
];

/// How transcoding is done.
#[derive(Clone, Copy)]
pub(crate) enum Engine {
    /// Not at all; each answer takes so long.
    Null(Duration),
    /// By real workers.
    Real,
}

/// What the transcoder's histogram of its engine's time is called.
pub(crate) const TRANSCODING: &str = "streamflow_transcoder_job_seconds";

/// One of three; their order is that of the control addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Orchestrator,
    Transcoder,
    Gateway,
}

/// Three running roles; dropping them kills them.
pub(crate) struct Roles {
    pub(crate) gateway: Process,
    pub(crate) orchestrator: Process,
    pub(crate) transcoder: Process,
    /// Where segments are pushed.
    pub(crate) push: String,
    controls: [SocketAddr; 3],
}

impl Roles {
    /// Starts all three at once, with folders of their own below `folder`.
    pub(crate) fn start(folder: &Path, engine: Engine) -> anyhow::Result<Self> {
        let program = program()?;
        let [service, rtmp, push, first, second, third] = free_ports()?;
        let secret = secret(folder)?;
        let (service_url, orchestrator) = (format!("https://{service}"), service.to_string());
        let ladder = ladder(folder)?;
        let start = |name: &str, arguments: &[&str]| {
            Process::start(&program, &folder.join(name), name, arguments)
        };
        let latency;
        let how: &[&str] = match engine {
            Engine::Null(each) => {
                latency = format!("{}ms", each.as_millis());
                &["--null", "--null-latency", &latency]
            }
            Engine::Real => &["--capacity", "8"],
        };
        let (first_text, second_text, third_text) =
            (first.to_string(), second.to_string(), third.to_string());
        Ok(Self {
            orchestrator: start(
                "orchestrator",
                &[
                    "--service-addr",
                    &service_url,
                    "--listen",
                    &orchestrator,
                    "--secret-file",
                    &secret,
                    "--control-addr",
                    &first_text,
                ],
            )?,
            transcoder: start(
                "transcoder",
                &[
                    &[
                        "--orch",
                        &orchestrator,
                        "--secret-file",
                        &secret,
                        "--control-addr",
                        &second_text,
                    ],
                    how,
                ]
                .concat(),
            )?,
            gateway: start(
                "gateway",
                &[
                    "--orch",
                    &service_url,
                    "--rtmp-addr",
                    &rtmp.to_string(),
                    "--http-addr",
                    &push.to_string(),
                    "--control-addr",
                    &third_text,
                    "--ladder",
                    &ladder,
                    "--fallback",
                    "network",
                ],
            )?,
            push: format!("http://{push}/live"),
            controls: [first, second, third],
        })
    }

    /// Waits until all three say they are ready.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        let until = Instant::now() + PATIENCE;
        for control in self.controls {
            let url = format!("http://{control}/readyz");
            loop {
                let answer = client
                    .get(&url)
                    .timeout(Duration::from_secs(2))
                    .send()
                    .await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                self.all_run()?;
                ensure!(
                    Instant::now() < until,
                    "{url} is not ready after {PATIENCE:?}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// Seconds a role has spent on something, and how often, as its histogram of this name has it.
    pub(crate) async fn spent(&self, role: Role, name: &str) -> anyhow::Result<(f64, f64)> {
        let control = self.controls[role as usize];
        let text = reqwest::get(format!("http://{control}/metrics")).await?;
        let text = text.text().await?;
        let total = |part: &str| -> f64 {
            let name = format!("{name}_{part}");
            let lines = text.lines().filter(|line| line.starts_with(&name));
            let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            values.sum()
        };
        let count = total("count");
        ensure!(count > 0.0, "the {role:?} has no {name}");
        Ok((total("sum"), count))
    }

    /// An error with its log where one of them has ended.
    pub(crate) fn all_run(&mut self) -> anyhow::Result<()> {
        for process in [
            &mut self.gateway,
            &mut self.orchestrator,
            &mut self.transcoder,
        ] {
            if let Some(status) = process.child.try_wait()? {
                let log = std::fs::read_to_string(&process.log).unwrap_or_default();
                anyhow::bail!("the {} ended with {status}:\n{log}", process.name);
            }
        }
        Ok(())
    }
}

/// One role; dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// What a role has used and holds.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// CPU seconds since its start, user and system.
    pub(crate) cpu: f64,
    /// Memory now, in bytes.
    pub(crate) resident: u64,
    /// The most it ever had.
    pub(crate) peak: u64,
}

impl Process {
    fn start(
        program: &Path,
        folder: &Path,
        role: &str,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = folder.join("log");
        let file = std::fs::File::create(&log)?;
        let child = Command::new(program)
            .args(["--log-level", "warn", "--network", "devnet", "--data-dir"])
            .arg(folder)
            .arg(role)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| program.display().to_string())?;
        Ok(Self {
            name: role.to_owned(),
            child,
            log,
        })
    }

    /// What the kernel says about it.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = std::fs::read_to_string(folder.join("stat"))?;
        // Behind the name in parentheses; user and system time are the 12th and 13th from there.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
        let status = std::fs::read_to_string(folder.join("status"))?;
        let memory = |name: &str| -> anyhow::Result<u64> {
            let line = status.lines().find(|line| line.starts_with(name));
            let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
            let kilobytes: u64 = kilobytes.context("/proc/PID/status")?.parse()?;
            Ok(kilobytes << 10)
        };
        Ok(Usage {
            cpu: ticks / TICKS,
            resident: memory("VmRSS:")?,
            peak: memory("VmHWM:")?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program beside this one.
fn program() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("streamflow");
    ensure!(
        path.is_file(),
        "{} is not built; `cargo xtask bench` builds it",
        path.display()
    );
    Ok(path)
}

fn free_ports<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    // All are held until each is known, or one would be given twice.
    let held: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()?;
    let addresses: Vec<SocketAddr> = held
        .iter()
        .map(TcpListener::local_addr)
        .collect::<Result<_, _>>()?;
    Ok(addresses.try_into().expect("as many as were asked for"))
}

fn secret(folder: &Path) -> anyhow::Result<String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.join("secret");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(b"a secret among three processes")?;
    Ok(path.display().to_string())
}

fn ladder(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("ladder.json");
    let profiles: Vec<_> = LADDER
        .iter()
        .map(|(name, width, height, bitrate)| {
            serde_json::json!({
                "name": name, "width": width, "height": height, "bitrate": bitrate, "fps": 0
            })
        })
        .collect();
    std::fs::write(&path, serde_json::to_vec(&profiles)?)?;
    Ok(path.display().to_string())
}
