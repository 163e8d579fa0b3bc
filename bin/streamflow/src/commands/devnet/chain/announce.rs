//! What a wallet or `cast` needs to work with the chain.

use std::fmt::Write;

use alloy_signer_local::PrivateKeySigner;
use serde_json::{Map, Value, json};
use streamflow_chain::deploy::Deployment;
use streamflow_chain::development::secret;

use super::{FUNDS, Facts};

/// For programs.
pub(crate) fn json(facts: &Facts, signers: &[PrivateKeySigner], deployment: &Deployment) -> Value {
    let accounts = signers
        .iter()
        .map(|signer| json!({"address": signer.address().to_string(), "key": secret(signer)}));
    let contracts = deployment.contracts.iter();
    let contracts = contracts.map(|(name, address)| (name.clone(), json!(address.to_string())));
    json!({
        "rpc": facts.rpc,
        "ws": facts.rpc.replacen("http", "ws", 1),
        "chainId": deployment.chain_id,
        "accounts": accounts.collect::<Vec<_>>(),
        "contracts": Map::from_iter(contracts),
        "addressFile": facts.addresses(),
    })
}

/// For people.
pub(crate) fn text(facts: &Facts, signers: &[PrivateKeySigner], deployment: &Deployment) -> String {
    let rpc = &facts.rpc;
    let mut text = format!(
        "chain {} answers at {rpc} (also {})\n\naccounts with {FUNDS} ETH and LPT; the first owns the \
         contracts and has more LPT. The keys are public, use them nowhere else:\n",
        deployment.chain_id,
        rpc.replacen("http", "ws", 1)
    );
    // Writing to a string cannot fail.
    for (place, signer) in signers.iter().enumerate() {
        let _ = writeln!(text, "  {place}  {}  {}", signer.address(), secret(signer));
    }
    let file = facts.addresses();
    let _ = writeln!(text, "\ncontracts (also in {}):", file.display());
    for (name, address) in &deployment.contracts {
        if !name.ends_with("Target") {
            let _ = writeln!(text, "  {name:<20} {address}");
        }
    }
    let rounds = deployment.contract("RoundsManager").unwrap_or_default();
    let _ = writeln!(
        text,
        "\ntry:  cast call --rpc-url {rpc} {rounds} 'currentRound()(uint256)'"
    );
    text
}
