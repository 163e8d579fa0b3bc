//! Which processes make the network, with which arguments. Pure: ports come in, commands go out.

use std::path::Path;

use super::state::{Member, Role};

/// Sessions each orchestrator and transcoder takes.
const SESSIONS: u32 = 8;

/// The name the film is published under.
pub(super) const STREAM: &str = "demo";

/// How an orchestrator of the network behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Hands its work to the remote transcoders.
    Honest,
    /// Does honest work, late.
    Slow,
    /// Sells smaller pictures than it was asked for.
    Cheating,
    /// Does honest work itself.
    Embedded,
}

/// One process to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) member: Member,
    pub(super) arguments: Vec<String>,
}

/// Free ports, handed out one by one.
pub(super) trait Ports {
    /// The next free port at or after `wanted`.
    fn take(&mut self, wanted: u16) -> anyhow::Result<u16>;
}

/// What the network is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) processes: Vec<Process>,
    pub(super) rtmp: u16,
    pub(super) http: u16,
}

/// Puts a chain before the others, so that it is there first and leaves last. It is kept in `data`,
/// outside the network's folder, for it outlives the network. Gives where it answers.
pub(super) fn add_chain(
    plan: &mut Plan,
    data: &Path,
    seed: &str,
    ports: &mut impl Ports,
) -> anyhow::Result<String> {
    let port = ports.take(8545)?;
    let mut arguments: Vec<String> = ["devnet", "chain", "--data-dir"].map(Into::into).into();
    arguments.push(data.display().to_string());
    arguments.extend(["--rpc-addr".into(), format!("127.0.0.1:{port}")]);
    arguments.extend(["--seed".into(), seed.to_owned()]);
    let rpc = format!("http://127.0.0.1:{port}");
    let member = Member {
        name: "chain".to_owned(),
        role: Role::Chain,
        about: "the protocol's contracts; rounds advance".to_owned(),
        control: rpc.clone(),
        address: rpc.clone(),
        pid: None,
        restarts: 0,
    };
    plan.processes.insert(0, Process { member, arguments });
    Ok(rpc)
}

/// Lays out a network of `orchestrators` (at least three) under `folder`.
pub(super) fn lay_out(
    folder: &Path,
    orchestrators: u16,
    ladder_file: &Path,
    secret_file: &Path,
    ports: &mut impl Ports,
) -> anyhow::Result<Plan> {
    let mut processes = Vec::new();
    let mut services = Vec::new();
    for index in 0..orchestrators {
        let manner = match index {
            0 => Manner::Honest,
            1 => Manner::Slow,
            2 => Manner::Cheating,
            _ => Manner::Embedded,
        };
        let service = ports.take(8935)?;
        let name = format!("orchestrator-{}", index + 1);
        services.push(service);
        let control = ports.take(7935)?;
        processes.push(orchestrator(
            folder,
            &name,
            manner,
            service,
            control,
            secret_file,
        ));
    }
    for index in 1..=2 {
        let name = format!("transcoder-{index}");
        let control = ports.take(6935)?;
        processes.push(transcoder(folder, &name, services[0], control, secret_file));
    }
    let (rtmp, http, control) = (ports.take(1935)?, ports.take(9935)?, ports.take(5935)?);
    processes.push(gateway(
        folder,
        [rtmp, http, control],
        &services,
        ladder_file,
    ));
    Ok(Plan {
        processes,
        rtmp,
        http,
    })
}

fn orchestrator(
    folder: &Path,
    name: &str,
    manner: Manner,
    service: u16,
    control: u16,
    secret_file: &Path,
) -> Process {
    let mut arguments = node(folder, name, "orchestrator", control);
    arguments.extend([
        "--service-addr".into(),
        format!("https://127.0.0.1:{service}"),
    ]);
    arguments.extend(["--listen".into(), format!("127.0.0.1:{service}")]);
    arguments.extend(["--max-sessions".into(), SESSIONS.to_string()]);
    match manner {
        Manner::Honest => {
            arguments.extend(["--secret-file".into(), secret_file.display().to_string()]);
        }
        Manner::Slow => arguments.extend([
            "--transcoder".into(),
            "--misbehave".into(),
            "slow:1500ms".into(),
        ]),
        Manner::Cheating => arguments.extend([
            "--transcoder".into(),
            "--misbehave".into(),
            "wrong-resolution".into(),
        ]),
        Manner::Embedded => arguments.push("--transcoder".into()),
    }
    let about = match manner {
        Manner::Honest => "honest, hands work to the transcoders",
        Manner::Slow => "slow: 1.5 s late with everything",
        Manner::Cheating => "cheats: smaller pictures than sold",
        Manner::Embedded => "honest, works itself",
    };
    let member = Member {
        name: name.to_owned(),
        role: Role::Orchestrator,
        about: about.to_owned(),
        control: format!("http://127.0.0.1:{control}"),
        address: format!("https://127.0.0.1:{service}"),
        pid: None,
        restarts: 0,
    };
    Process { member, arguments }
}

fn transcoder(
    folder: &Path,
    name: &str,
    orchestrator: u16,
    control: u16,
    secret_file: &Path,
) -> Process {
    let mut arguments = node(folder, name, "transcoder", control);
    arguments.extend(["--orch".into(), format!("127.0.0.1:{orchestrator}")]);
    arguments.extend(["--secret-file".into(), secret_file.display().to_string()]);
    // Members measured all at once would each find a busy machine.
    arguments.extend(["--capacity".into(), SESSIONS.to_string()]);
    let member = Member {
        name: name.to_owned(),
        role: Role::Transcoder,
        about: "attached to orchestrator-1".to_owned(),
        control: format!("http://127.0.0.1:{control}"),
        address: String::new(),
        pid: None,
        restarts: 0,
    };
    Process { member, arguments }
}

fn gateway(folder: &Path, ports: [u16; 3], services: &[u16], ladder_file: &Path) -> Process {
    let [rtmp, http, control] = ports;
    let mut arguments = node(folder, "gateway", "gateway", control);
    arguments.extend(["--rtmp-addr".into(), format!("127.0.0.1:{rtmp}")]);
    arguments.extend(["--http-addr".into(), format!("127.0.0.1:{http}")]);
    arguments.extend(["--ladder".into(), ladder_file.display().to_string()]);
    for service in services {
        arguments.extend(["--orch".into(), format!("https://127.0.0.1:{service}")]);
    }
    let member = Member {
        name: "gateway".to_owned(),
        role: Role::Gateway,
        about: "RTMP and HTTP in, HLS out".to_owned(),
        control: format!("http://127.0.0.1:{control}"),
        address: format!("http://127.0.0.1:{http}"),
        pid: None,
        restarts: 0,
    };
    Process { member, arguments }
}

/// What every node of the network is started with.
fn node(folder: &Path, name: &str, verb: &str, control: u16) -> Vec<String> {
    vec![
        verb.into(),
        "--network".into(),
        "offchain".into(),
        "--data-dir".into(),
        folder.join(name).display().to_string(),
        "--control-addr".into(),
        format!("127.0.0.1:{control}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u16);

    impl Ports for Counting {
        fn take(&mut self, _wanted: u16) -> anyhow::Result<u16> {
            self.0 += 1;
            Ok(self.0)
        }
    }

    #[test]
    fn a_chain_is_first_and_keeps_its_data_apart() {
        let mut plan = Plan::default();
        let mut ports = Counting(0);
        let rpc = add_chain(&mut plan, Path::new("/data"), "some words", &mut ports).unwrap();
        assert_eq!(rpc, "http://127.0.0.1:1");
        let chain = &plan.processes[0];
        assert_eq!(chain.member.role, Role::Chain);
        let line = chain.arguments.join(" ");
        let wanted = "devnet chain --data-dir /data --rpc-addr 127.0.0.1:1 --seed some words";
        assert_eq!(line, wanted);
    }

    #[test]
    fn one_orchestrator_is_slow_one_cheats_and_the_gateway_knows_all() {
        let (ladder, secret) = (Path::new("/l.json"), Path::new("/secret"));
        let plan = lay_out(Path::new("/d"), 4, ladder, secret, &mut Counting(0)).unwrap();
        assert_eq!(plan.processes.len(), 4 + 2 + 1);
        let misbehaving = plan
            .processes
            .iter()
            .filter(|p| p.arguments.contains(&"--misbehave".to_owned()));
        assert_eq!(misbehaving.count(), 2);
        let gateway = plan.processes.last().unwrap();
        assert_eq!(
            gateway.arguments.iter().filter(|a| *a == "--orch").count(),
            4
        );
    }
}
