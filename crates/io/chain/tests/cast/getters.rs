//! Every getter of every contract, asked by cast: what it prints is what our own decoder reads of
//! the same call made in the process.

use alloy_dyn_abi::{DynSolValue, FunctionExt, JsonAbiExt, Specifier};
use alloy_json_abi::{Function, Param, StateMutability};
use alloy_primitives::{hex, keccak256};
use streamflow_chain::artifact;

use crate::client::plain;
use crate::world::World;
use crate::{DELEGATOR, ORCHESTRATOR};

/// Getters at least, over all contracts; so that an empty ABI is noticed.
const AT_LEAST: usize = 250;

/// Getters that refuse by design, with the error they give.
const REFUSING: [(&str, &str, &str); 2] = [
    ("BondingVotes", "delegate", "MustCallBondingManager(string)"),
    (
        "BondingVotes",
        "delegateBySig",
        "MustCallBondingManager(string)",
    ),
];

/// Reads them all. The ticket and the proposal are as cast writes them.
pub(crate) fn read_all(world: &World, ticket: &str, proposal: &str) {
    let mut read = 0;
    for name in world.deployment.contracts.keys() {
        let contract = match name.as_str() {
            "L2LPTDataCache" => "DummyL2LPTDataCache",
            name => name.trim_end_matches("Target"),
        };
        let functions = artifact(contract).abi.functions();
        for function in functions.filter(|function| is_getter(function)) {
            one(world, name, function, ticket, proposal);
            read += 1;
        }
    }
    assert!(read >= AT_LEAST, "{read} getters");
    println!("{read} getters were read");
}

fn is_getter(function: &Function) -> bool {
    matches!(
        function.state_mutability,
        StateMutability::View | StateMutability::Pure
    )
}

fn one(world: &World, contract: &str, function: &Function, ticket: &str, proposal: &str) {
    let texts: Vec<String> = function
        .inputs
        .iter()
        .map(|input| argument(world, contract, function, input, ticket, proposal))
        .collect();
    let arguments: Vec<&str> = texts.iter().map(String::as_str).collect();
    let values = function.inputs.iter().zip(&texts).map(|(input, text)| {
        let kind = input.resolve().expect("a type");
        let value = kind.coerce_str(text);
        value.unwrap_or_else(|error| panic!("{contract}.{}: {text}: {error}", function.name))
    });
    let values: Vec<DynSolValue> = values.collect();
    let input = function.abi_encode_input(&values).expect("arguments fit");
    let signature = function.signature_with_outputs();
    let printed = world.ask(contract, &signature, &arguments);
    let inside = world.ask_inside(contract, input.into());
    let refusing = REFUSING
        .iter()
        .find(|(of, name, _)| contract.trim_end_matches("Target") == *of && function.name == *name);
    match (printed, inside, refusing) {
        (Ok(printed), Ok(data), None) => {
            let values = function.abi_decode_output(&data).expect("it is by the ABI");
            let wanted: Vec<String> = values.iter().map(written).collect();
            let found: Vec<String> = printed.lines().map(plain).collect();
            assert_eq!(found, wanted, "{contract}.{signature} {texts:?}");
        }
        (Err(printed), Err(_), Some((_, _, reason))) => {
            assert!(printed.contains("execution reverted"), "{printed}");
            let selector = hex::encode_prefixed(&keccak256(reason)[..4]);
            assert!(
                printed.contains(&selector),
                "{contract}.{signature}: {printed}"
            );
        }
        // What stands behind a proxy has no state of its own to answer from.
        (Err(_), Err(_), None) if contract.ends_with("Target") => {}
        (printed, inside, _) => {
            panic!("{contract}.{signature} {texts:?}: {printed:?}, inside {inside:?}")
        }
    }
}

/// An argument for which there is something to read.
fn argument(
    world: &World,
    contract: &str,
    function: &Function,
    input: &Param,
    ticket: &str,
    proposal: &str,
) -> String {
    let round = || world.read("RoundsManager", "currentRound()(uint256)", &[]);
    let past = || {
        let round: u64 = round().parse().expect("a number");
        (round - 1).to_string()
    };
    let name = input.name.trim_start_matches('_');
    match (function.name.as_str(), name, input.ty.as_str()) {
        ("getTicketHash", _, _) => ticket.to_owned(),
        ("blockHash", _, _) => (world.head() - 5).to_string(),
        ("getContract" | "getContractInfo", _, _) => {
            world.client().run(&["keccak", "BondingManager"])
        }
        (_, "proposalId", _) => proposal.to_owned(),
        // On the target itself no round is set, and past is what lies before round 0.
        (_, "timepoint", _) if contract == "LivepeerGovernor" => past(),
        (_, "round" | "endRound" | "timepoint", _) if !contract.ends_with("Target") => past(),
        (_, "delegator", "address") => world.address(DELEGATOR),
        (_, _, "address") => world.address(ORCHESTRATOR),
        (_, _, "address[]") => format!("[{}]", world.address(ORCHESTRATOR)),
        (_, _, "uint256[]") => "[1]".to_owned(),
        (_, _, "bytes[]") => "[0x1234]".to_owned(),
        (_, _, "bytes32[]") => format!("[0x{}]", "00".repeat(32)),
        (_, _, "bytes32") => format!("0x{}", "00".repeat(32)),
        (_, _, "bytes4") => "0x01ffc9a7".to_owned(),
        (_, _, "bytes") => "0x".to_owned(),
        _ => "0".to_owned(),
    }
}

/// A value as cast prints it.
fn written(value: &DynSolValue) -> String {
    match value {
        DynSolValue::Address(address) => address.to_string(),
        DynSolValue::Bool(yes) => yes.to_string(),
        DynSolValue::Uint(number, _) => number.to_string(),
        DynSolValue::Int(number, _) => number.to_string(),
        DynSolValue::FixedBytes(word, size) => hex::encode_prefixed(&word[..*size]),
        DynSolValue::Bytes(bytes) => hex::encode_prefixed(bytes),
        DynSolValue::String(text) => format!("{text:?}"),
        DynSolValue::Array(values) => format!("[{}]", list(values)),
        DynSolValue::Tuple(values) => format!("({})", list(values)),
        other => panic!("no getter gives {other:?}"),
    }
}

fn list(values: &[DynSolValue]) -> String {
    let values: Vec<_> = values.iter().map(written).collect();
    values.join(", ")
}
