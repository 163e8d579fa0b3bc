//! What operations of the contracts cost, held against the contracts in use: transactions of forge on
//! the code in `contracts/artifacts`, each on the state that its name says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Args;

/// Nothing to choose.
#[derive(Args)]
pub(super) struct Arguments {}

/// An operation, what it costs in the contracts in use, and how much less ours is to cost, in percent.
struct Row {
    name: &'static str,
    baseline: u32,
    goal: Option<u32>,
}

const fn row(name: &'static str, baseline: u32, goal: u32) -> Row {
    Row {
        name,
        baseline,
        goal: Some(goal),
    }
}

const fn row_without_goal(name: &'static str, baseline: u32) -> Row {
    Row {
        name,
        baseline,
        goal: None,
    }
}

/// Gas of whole transactions behind the proxies, with ten in the pool, the treasury's cut and ceiling
/// set, and no hints.
const ROWS: [Row; 19] = [
    row("self-bond joining the pool", 595_585, 40),
    row("first delegator bond", 653_403, 40),
    row("bond more, same delegate", 452_868, 40),
    row("bond more, same round again", 319_085, 40),
    row("change delegate", 573_336, 40),
    row("reward, steady state, mid pool", 556_057, 40),
    row("reward, steady state, tail", 579_662, 40),
    row("initializeRound, steady state", 241_373, 40),
    row("claimEarnings", 265_460, 40),
    row("unbond (partial)", 358_702, 40),
    row("rebond", 282_786, 40),
    row("transferBond", 602_625, 40),
    row_without_goal("withdrawFees", 243_192),
    row_without_goal("transcoder (update rates)", 107_662),
    row_without_goal("fundDepositAndReserve", 107_904),
    row("redeem, deposit only, first fee of the round", 243_044, 25),
    row("redeem, deposit only, later", 184_515, 25),
    row("redeem, deposit + reserve", 263_968, 25),
    // Against a ticket on its own.
    row("batch of ten, a ticket", 184_515, 60),
];

/// Prints the tables. Its line has the operation that is farthest from its goal, and all ratios.
pub(super) fn run(_arguments: &Arguments, goal: bool) -> anyhow::Result<()> {
    let figures = measure(&contracts())?;
    let ours = |name: &str| {
        figures
            .get(name)
            .copied()
            .with_context(|| format!("{name} was not measured"))
    };

    println!(
        "{:<46}{:>9}{:>9}{:>8}{:>7}",
        "operation", "in use", "ours", "less", "goal"
    );
    let (mut ratios, mut missed) = (serde_json::Map::new(), Vec::new());
    let mut worst = 0.0_f64;
    for Row {
        name,
        baseline,
        goal,
    } in &ROWS
    {
        let ratio = f64::from(ours(name)?) / f64::from(*baseline);
        let less = 100.0 * (1.0 - ratio);
        let wanted = goal.map_or_else(String::new, |goal| format!("{goal} %"));
        println!(
            "{name:<46}{baseline:>9}{:>9}{less:>6.1} %{wanted:>7}",
            ours(name)?
        );
        ratios.insert((*name).to_owned(), ratio.into());
        if let Some(goal) = goal {
            worst = worst.max(ratio / (1.0 - f64::from(*goal) / 100.0));
            if less < f64::from(*goal) {
                missed.push(format!("{name}: {less:.1} % less, the goal is {goal} %"));
            }
        }
    }

    println!(
        "\n{:<46}{:>9}{:>9}{:>9}",
        "size of the pool, and the move in it", "no hint", "hint", "ratio"
    );
    let mut moves: Vec<&str> = figures
        .keys()
        .filter_map(|name| name.strip_suffix(", no hint"))
        .collect();
    // The names begin with the size: those of a small pool are shorter.
    moves.sort_by_key(|name| (name.find(':'), *name));
    for name in moves {
        let plain = ours(&format!("{name}, no hint"))?;
        let hinted = ours(&format!("{name}, hint"))?;
        let ratio = f64::from(plain) / f64::from(hinted);
        println!("{name:<46}{plain:>9}{hinted:>9}{ratio:>9.3}");
    }

    println!(
        "{}",
        serde_json::json!({
            "name": "gas of the operation farthest from its goal, over that goal",
            "ours": worst, "limit": 1.0, "ratio": worst, "n": ROWS.len(), "spread": 0.0,
            "ratios": ratios,
        })
    );
    if goal && !missed.is_empty() {
        bail!("{}", missed.join("\n"));
    }
    Ok(())
}

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts")
}

/// Has forge run the transactions anew, and reads what it wrote.
fn measure(contracts: &Path) -> anyhow::Result<BTreeMap<String, u32>> {
    let status = Command::new(forge(contracts)?)
        .args(["test", "--offline", "--quiet"])
        .env("FOUNDRY_PROFILE", "gas")
        .current_dir(contracts)
        .status()
        .context("forge did not start")?;
    ensure!(
        status.success(),
        "forge failed: run contracts/test.sh for what it says"
    );

    let mut figures = BTreeMap::new();
    for part in ["operations", "pools"] {
        let file = contracts.join(format!("out/gas-{part}.json"));
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
        let part: BTreeMap<String, u32> = serde_json::from_str(&text)?;
        figures.extend(part);
    }
    Ok(figures)
}

/// The program as npm brings it, whatever its build for this machine is called.
fn forge(contracts: &Path) -> anyhow::Result<PathBuf> {
    let builds = contracts.join("node_modules/@foundry-rs");
    let entries = std::fs::read_dir(&builds).with_context(|| {
        format!(
            "no {}: run npm install --no-save in contracts/",
            builds.display()
        )
    })?;
    for entry in entries {
        let forge = entry?.path().join("bin/forge");
        let is_build = forge.parent().and_then(Path::parent).is_some_and(|dir| {
            dir.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("forge-"))
        });
        if is_build && forge.exists() {
            return Ok(forge);
        }
    }
    bail!("npm brought no forge for this machine")
}
