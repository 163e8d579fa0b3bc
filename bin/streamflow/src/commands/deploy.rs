//! `streamflow deploy`: puts the protocol on a chain, from first contract to last right handed over.
//! It plans first, always: every step is run on a chain in this process, which says what it costs.
//! Nothing is sent without `--yes`.

mod key;
mod parameters;
mod plan;
mod refusals;
mod report;

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, U256};
use clap::Args;
use streamflow_chain::deploy::{Deployment, Progress, RecordFile, deploy};
use streamflow_chain::{Account, connect};

use crate::failure::{Exit, Failure};
use crate::output::Output;
use key::Key;
use parameters::{Chosen, Preset};
use plan::Plan;
use report::Report;

/// The contracts onto a chain.
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// JSON-RPC endpoint of the chain, as http://127.0.0.1:8545
    #[arg(long, value_name = "URL", required_unless_present = "print_params")]
    rpc: Option<String>,
    /// Key of the account that deploys: 64 hex digits, or a keystore file
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Password of the keystore file
    #[arg(long, value_name = "FILE", requires = "key_file")]
    password_file: Option<PathBuf>,
    /// Account that would deploy, to plan without its key
    #[arg(long, value_name = "ADDRESS", value_parser = key::address)]
    from: Option<Address>,
    /// Parameters to begin with: live or devnet (running, faucet, short rounds) [default: live]
    #[arg(
        long,
        value_enum,
        default_value_t = Preset::Live,
        hide_default_value = true,
        hide_possible_values = true
    )]
    preset: Preset,
    /// TOML file with the parameters that differ from the preset
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Print the parameters as such a file, and do nothing else
    #[arg(long)]
    print_params: bool,
    /// File for the addresses, which nodes read [default: contracts-CHAIN.json in the data folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Go on with a deployment that was interrupted
    #[arg(long)]
    resume: bool,
    /// Send nothing while gas costs more, as 2gwei
    #[arg(long, value_name = "PRICE", value_parser = crate::units::gas_price)]
    max_gas_price: Option<u128>,
    /// Plan and send nothing, as without --yes
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Send the transactions
    #[arg(long)]
    yes: bool,
}

/// What is to be deployed, and where.
struct Task {
    account: Account,
    key: Key,
    chosen: Chosen,
    chain_id: u64,
    rpc: String,
    out: PathBuf,
}

/// Plans the deployment and, with `--yes`, carries it out.
pub(crate) async fn run(arguments: DeployArgs, data: &Path, output: Output) -> anyhow::Result<()> {
    let chosen = parameters::choose(arguments.preset, arguments.params.as_deref())?;
    if arguments.print_params {
        parameters::print(&chosen, output);
        return Ok(());
    }
    let task = prepare(&arguments, chosen, data).await?;
    let found = Deployment::read(&task.out).map_err(|error| refusals::record(&error))?;
    check_resume(&arguments, found.as_ref(), &task.out)?;
    let complete = found.as_ref().is_some_and(|found| found.complete);
    let plan = plan::make(
        &task.account,
        &task.key,
        &task.chosen.parameters,
        found.clone(),
    )
    .await?;
    if complete && !plan.is_done() {
        return Err(refusals::gone(&task.out, &plan).into());
    }
    let price = ask(task.account.gas_price().await)?;
    let balance = ask(task.account.balance().await)?;
    let mut report = Report::new(&task, plan, price, balance);
    if !arguments.yes || report.plan.is_done() {
        report.contracts = found.map(|found| found.contracts);
        report.print(output, arguments.yes);
        return Ok(());
    }
    if let Some(highest) = arguments.max_gas_price.filter(|highest| price > *highest) {
        return Err(refusals::price(price, highest).into());
    }
    if report.cost() > balance {
        return Err(refusals::balance(&report).into());
    }
    carry_out(&task, found, &mut report, output).await?;
    report.print(output, true);
    Ok(())
}

async fn prepare(arguments: &DeployArgs, chosen: Chosen, data: &Path) -> anyhow::Result<Task> {
    let key = Key::read(
        arguments.key_file.as_deref(),
        arguments.password_file.as_deref(),
        arguments.from,
    )?;
    if arguments.yes && key.signer().is_none() {
        return Err(refusals::no_key().into());
    }
    let rpc = arguments.rpc.clone().unwrap_or_default();
    let client = connect(&rpc).map_err(|error| Failure::usage("rpc", format!("--rpc: {error}")))?;
    let mut account = match key.signer() {
        Some(signer) => Account::new(client, signer.clone()),
        None => Account::without_key(client, key.address()),
    };
    if let Some(highest) = arguments.max_gas_price {
        account = account.with_highest_gas_price(highest);
    }
    let chain_id = account
        .chain_id()
        .await
        .map_err(|error| refusals::endpoint(&rpc, error))?;
    let out = arguments.out.clone();
    let out = out.unwrap_or_else(|| data.join(format!("contracts-{chain_id}.json")));
    check_others(&account, &chosen).await?;
    Ok(Task {
        account,
        key,
        chosen,
        chain_id,
        rpc,
        out,
    })
}

/// Contracts of others that parameters name must be there.
async fn check_others(account: &Account, chosen: &Chosen) -> anyhow::Result<()> {
    let parameters = &chosen.parameters;
    for (name, address) in [
        ("token", parameters.token),
        ("l1Supply", parameters.l1_supply),
    ] {
        if let Some(address) = address
            && !ask(account.has_code(address).await)?
        {
            return Err(refusals::no_contract(name, address).into());
        }
    }
    Ok(())
}

fn check_resume(
    arguments: &DeployArgs,
    found: Option<&Deployment>,
    out: &Path,
) -> Result<(), Failure> {
    match found {
        None if arguments.resume => Err(refusals::nothing_to_resume(out)),
        Some(found) if !found.complete && !arguments.resume => Err(refusals::unfinished(out)),
        _ => Ok(()),
    }
}

async fn carry_out(
    task: &Task,
    found: Option<Deployment>,
    report: &mut Report,
    output: Output,
) -> anyhow::Result<()> {
    if let Some(folder) = task
        .out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|error| refusals::folder(folder, &error))?;
    }
    let mut record = RecordFile::new(&task.out);
    let Plan { steps } = &mut report.plan;
    let all = steps.iter().filter(|step| !step.done).count();
    let mut sent = 0;
    let mut took = (0, U256::ZERO);
    let mut on_step = |progress: Progress| {
        let Some(spent) = progress.spent else { return };
        sent += 1;
        took = (took.0 + spent.gas, took.1 + spent.wei);
        output.note(&format!("{sent:>3}/{all} {}", progress.step));
        if let Some(step) = steps
            .iter_mut()
            .find(|step| step.name == progress.step && !step.done)
        {
            step.taken(progress.address, spent.gas);
        }
    };
    let parameters = &task.chosen.parameters;
    let deployment = deploy(&task.account, parameters, found, &mut record, &mut on_step)
        .await
        .map_err(|error| refusals::deployment(error, &task.rpc))?;
    report.took = Some(took);
    report.contracts = Some(deployment.contracts);
    Ok(())
}

fn ask<T>(answer: Result<T, streamflow_chain::AccountError>) -> Result<T, Failure> {
    answer.map_err(|error| refusals::account(error, Exit::Precondition))
}
