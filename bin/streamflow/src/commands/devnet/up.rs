//! `devnet up`: lays the network out, starts it, keeps it alive, stops it in order.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_signer_local::PrivateKeySigner;
use anyhow::Context;
use streamflow_chain::deploy::Deployment;
use streamflow_chain::development::accounts;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::chain::{self, Facts};
use super::ladder::{self, Rung};
use super::plan::{self, Plan, STREAM};
use super::ports::FreePorts;
use super::publish::{self, Publisher};
use super::state::State;
use super::supervise::Supervisor;
use crate::config::EngineTable;
use crate::failure::{Exit, Failure};

/// How long the members may take until all are ready.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks at the members.
const TEND_EVERY: Duration = Duration::from_millis(200);

/// What to start.
pub(super) struct Options {
    pub(super) orchestrators: u16,
    pub(super) video: Option<PathBuf>,
    pub(super) keep: bool,
    /// The words of a chain's accounts, where the network has one.
    pub(super) chain: Option<String>,
    pub(super) json: bool,
    /// The data folder, for commands of other terminals.
    pub(super) data: PathBuf,
}

/// Runs the network until a signal, then drains it.
pub(super) async fn run(
    mut options: Options,
    engine: &EngineTable,
    folder: &Path,
) -> anyhow::Result<()> {
    if let Some(running) = State::read(folder)? {
        let (data, process) = (options.data.display(), running.supervisor);
        let message = format!("a network runs from {data} already (process {process})");
        let hint = "stop it with streamflow devnet down, or name another folder with --data-dir";
        return Err(Failure::new(Exit::Precondition, "network-runs", message)
            .hint(hint)
            .into());
    }
    if let Some(film) = options.video.as_ref().filter(|film| !film.is_file()) {
        let message = format!("--video: {} is no file", film.display());
        return Err(Failure::usage("video", message).into());
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // Taken before anything starts, so that a signal during the start stops it in order too.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    if let Some(film) = &options.video {
        options.video = Some(publish::loopable(film, folder).await?);
    }
    let ladder = ladder::that_fits(engine).await?;
    let (plan, chain) = lay_out(&options, ladder, folder)?;
    let state = describe(&plan, ladder, chain);
    let publish = state.publish.clone();
    let program = std::env::current_exe().context("where this program is")?;
    let mut network = Supervisor::start(program, folder, plan.processes, state)?;
    let mut publisher = None;
    let outcome = tokio::select! {
        outcome = serve(&mut network, &mut publisher, &options, &publish) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    eprintln!("stopping the network");
    if let Some(publisher) = publisher {
        publisher.stop().await;
    }
    let stopped = network.stop().await;
    if !options.keep && outcome.is_ok() && stopped.is_ok() {
        let _ = fs::remove_dir_all(folder);
    }
    outcome.and(stopped)
}

fn lay_out(
    options: &Options,
    ladder: &[Rung],
    folder: &Path,
) -> anyhow::Result<(Plan, Option<Facts>)> {
    let ladder_file = folder.join("ladder.json");
    fs::write(&ladder_file, ladder::json(ladder))?;
    let secret_file = folder.join("secret");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&secret_file)
        .with_context(|| secret_file.display().to_string())?;
    file.write_all(hex::encode(rand::random::<[u8; 16]>()).as_bytes())?;
    let mut ports = FreePorts::default();
    let mut plan = plan::lay_out(
        folder,
        options.orchestrators,
        &ladder_file,
        &secret_file,
        &mut ports,
    )?;
    let Some(seed) = &options.chain else {
        return Ok((plan, None));
    };
    let rpc = plan::add_chain(&mut plan, &options.data, seed, &mut ports)?;
    let folder = chain::folder(&options.data);
    Ok((plan, Some(Facts { rpc, folder })))
}

fn describe(plan: &Plan, ladder: &[Rung], chain: Option<Facts>) -> State {
    let http = format!("http://127.0.0.1:{}", plan.http);
    State {
        supervisor: std::process::id(),
        publish: format!("rtmp://127.0.0.1:{}/live/{STREAM}", plan.rtmp),
        player: format!("{http}/play/{STREAM}"),
        playlist: format!("{http}/stream/{STREAM}.m3u8"),
        ladder: ladder.iter().map(|rung| rung.name.to_owned()).collect(),
        chain,
        ready: false,
        members: Vec::new(),
    }
}

/// Never ends by itself: the caller's signals do.
async fn serve(
    network: &mut Supervisor,
    publisher: &mut Option<Publisher>,
    options: &Options,
    publish: &str,
) -> anyhow::Result<()> {
    network.wait_until_ready(START_PATIENCE).await?;
    if let Some(film) = &options.video {
        *publisher = Some(Publisher::start(film, publish)?);
    }
    announce(network.state(), options)?;
    loop {
        network.tend()?;
        if let (Some(film), Some(running)) = (&options.video, publisher.as_mut())
            && running.has_ended()
        {
            tracing::warn!("the publisher is gone; starting it again");
            *running = Publisher::start(film, publish)?;
        }
        sleep(TEND_EVERY).await;
    }
}

/// Whose keys are known on the chain, and what it holds.
fn chain_of(facts: &Facts, seed: &str) -> anyhow::Result<(Vec<PrivateKeySigner>, Deployment)> {
    let deployment = Deployment::read(&facts.addresses())?.context("the chain's contracts")?;
    Ok((accounts(seed, chain::ACCOUNTS)?, deployment))
}

fn announce(state: &State, options: &Options) -> anyhow::Result<()> {
    let chain = match (&state.chain, &options.chain) {
        (Some(facts), Some(seed)) => Some((facts, chain_of(facts, seed)?)),
        _ => None,
    };
    if options.json {
        let mut data = serde_json::json!(state);
        if let Some((facts, (signers, deployment))) = &chain {
            data["chain"] = chain::announce::json(facts, signers, deployment);
        }
        println!(
            "{}",
            serde_json::json!({"ok": true, "data": data, "warnings": []})
        );
        return Ok(());
    }
    println!("{}", super::status::table(state));
    if let Some((facts, (signers, deployment))) = &chain {
        println!("\n{}", chain::announce::text(facts, signers, deployment));
    }
    if options.video.is_some() {
        println!("the film plays at   {}", state.player);
    } else {
        println!(
            "publish to          {}   (OBS: server rtmp://…/live, key {STREAM})",
            state.publish
        );
        println!("and watch at        {}", state.player);
    }
    // As this program was called: it need not be in the search path.
    let program = std::env::args().next();
    let program = program.unwrap_or_else(|| "streamflow".to_owned());
    println!(
        "kill a member with  {program} devnet kill orchestrator-1 --data-dir {}",
        options.data.display()
    );
    println!("Ctrl-C stops the network");
    Ok(())
}
