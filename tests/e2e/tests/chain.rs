//! A network with a chain: it is there with the others, comes back when it is killed, and goes on
//! when the whole network is started again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use streamflow_e2e::network::Network;

/// How long the chain may take to come back, or to begin its first round.
const LIMIT: Duration = Duration::from_secs(30);

/// `currentRoundInitialized()`
const INITIALISED: &str = "0x219bc76c";

struct Chain {
    rpc: String,
    client: reqwest::Client,
}

impl Chain {
    fn of(network: &Network) -> Self {
        let members = &network.description.members;
        let member = members
            .iter()
            .find(|member| member.name == "chain")
            .unwrap();
        Self {
            rpc: member.address.clone(),
            client: reqwest::Client::new(),
        }
    }

    async fn ask(&self, method: &str, parameters: Value) -> Option<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let answer = self.client.post(&self.rpc).json(&body).send().await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        Some(answer["result"].clone())
    }

    /// The result, as soon as the chain answers and it is one that is wanted.
    async fn wait(
        &self,
        method: &str,
        parameters: Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let until = Instant::now() + LIMIT;
        loop {
            let answer = self.ask(method, parameters.clone()).await;
            if let Some(answer) = answer.filter(&wanted) {
                return answer;
            }
            assert!(
                Instant::now() < until,
                "{method} of {} in {LIMIT:?}",
                self.rpc
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn height(&self) -> u64 {
        let answer = self
            .wait("eth_blockNumber", json!([]), Value::is_string)
            .await;
        u64::from_str_radix(&answer.as_str().unwrap()[2..], 16).unwrap()
    }

    async fn block(&self, height: u64) -> Value {
        let parameters = json!([format!("{height:#x}"), false]);
        let block = self
            .wait("eth_getBlockByNumber", parameters, Value::is_object)
            .await;
        block["hash"].clone()
    }
}

fn rounds(data: &Path) -> String {
    let file = std::fs::read(data.join("chain/contracts.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(file["complete"], true);
    file["contracts"]["RoundsManager"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_of_a_network_outlives_kills_and_restarts() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = tempfile::tempdir().unwrap();
    let start = || Network::start_with(data.path(), None, &["--chain", "embedded"]);
    let network = start().await.unwrap();
    let chain = Chain::of(&network);
    let rounds = rounds(data.path());
    let call = json!([{"to": rounds, "input": INITIALISED}, "latest"]);
    let yes = |answer: &Value| answer.as_str().is_some_and(|word| word.ends_with('1'));
    chain.wait("eth_call", call.clone(), yes).await;
    let height = chain.height().await;
    let block = chain.block(height).await;

    network.kill("chain").await.unwrap();
    assert_eq!(chain.block(height).await, block);
    network.stop().await.unwrap();

    let network = start().await.unwrap();
    let chain = Chain::of(&network);
    assert_eq!(chain.block(height).await, block);
    chain.wait("eth_call", call, yes).await;
    let now = chain.height().await;
    assert!(now > height, "{now} is not after {height}");
    network.stop().await.unwrap();
}
