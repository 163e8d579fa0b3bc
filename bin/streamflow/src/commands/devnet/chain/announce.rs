//! What a wallet or `cast` needs to work with the chain.

use std::net::SocketAddr;

use alloy_signer_local::PrivateKeySigner;
use serde_json::json;
use streamflow_chain::deploy::Deployment;
use streamflow_chain::development::secret;

use super::{ADDRESSES, FUNDS, Options};

pub(super) fn announce(
    address: SocketAddr,
    options: &Options,
    signers: &[PrivateKeySigner],
    deployment: &Deployment,
) -> anyhow::Result<()> {
    let url = format!("http://{address}");
    let file = options.folder.join(ADDRESSES);
    if options.json {
        let accounts = signers
            .iter()
            .map(|signer| json!({"address": signer.address().to_string(), "key": secret(signer)}));
        let contracts = deployment.contracts.iter();
        let contracts = contracts.map(|(name, address)| (name.clone(), json!(address.to_string())));
        let data = json!({
            "rpc": url,
            "ws": format!("ws://{address}"),
            "chainId": deployment.chain_id,
            "accounts": accounts.collect::<Vec<_>>(),
            "contracts": serde_json::Map::from_iter(contracts),
            "addressFile": file,
        });
        println!("{}", json!({"ok": true, "data": data, "warnings": []}));
        return Ok(());
    }
    println!(
        "chain {} answers at {url} (also ws://{address})",
        deployment.chain_id
    );
    println!();
    println!(
        "accounts, each with {FUNDS} ETH and LPT; the keys are public, use them nowhere else:"
    );
    for (place, signer) in signers.iter().enumerate() {
        println!("  {place}  {}  {}", signer.address(), secret(signer));
    }
    println!();
    println!("contracts (also in {}):", file.display());
    for (name, address) in &deployment.contracts {
        if !name.ends_with("Target") {
            println!("  {name:<20} {address}");
        }
    }
    let rounds = deployment.contract("RoundsManager").unwrap_or_default();
    println!();
    println!("try:  cast call --rpc-url {url} {rounds} 'currentRound()(uint256)'");
    println!("Ctrl-C stops the chain; it is kept and goes on when it is started again");
    Ok(())
}
