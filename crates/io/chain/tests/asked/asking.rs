//! The embedded chain behind HTTP, and a client that sends bytes as nodes do.

use std::sync::Arc;

use alloy_primitives::{U256, hex, keccak256};
use alloy_rpc_client::RpcClient;
use alloy_signer_local::PrivateKeySigner;
use serde_json::{Value, json};
use streamflow_chain::Account;
use streamflow_chain::deploy::{Deployment, Forgotten, Parameters, deploy};
use streamflow_chain::development::{MNEMONIC, accounts, secret};
use streamflow_devchain::{Access, Chain, InProcess, Mining, Node, Settings, serve};
use streamflow_runtime::{Shutdown, SystemClock};
use tokio::net::TcpListener;

use crate::ROUND;

/// Who has and is nothing.
pub(crate) const NOBODY: &str = "0x00000000000000000000000000000000000000dd";

pub(crate) struct Asking {
    node: Node,
    signer: PrivateKeySigner,
    deployment: Deployment,
    url: String,
    client: reqwest::Client,
}

impl Asking {
    pub(crate) async fn start() -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let signers = accounts(MNEMONIC, 2).expect("the words are a mnemonic");
        let keys = signers.iter().map(secret).collect();
        let balance = U256::from(10).pow(U256::from(21));
        let settings = Settings::with_keys(keys, balance).expect("keys");
        let node = Node::new(
            Chain::new(settings),
            Mining::Automatic,
            Arc::new(SystemClock),
        );
        let client = RpcClient::new(InProcess::new(node.clone()), true);
        let deployer = Account::new(client, signers[0].clone());
        let parameters = Parameters {
            round_length: U256::from(ROUND),
            ..Parameters::devnet()
        };
        let deployment = deploy(&deployer, &parameters, None, &mut Forgotten, &mut |_| {}).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let served = serve(listener, node.clone(), Access::default(), Shutdown::new());
        // Ends with the test's runtime.
        tokio::spawn(served);
        Self {
            node,
            signer: signers[1].clone(),
            deployment: deployment.expect("the protocol can be deployed"),
            url: format!("http://{address}"),
            client: reqwest::Client::new(),
        }
    }

    pub(crate) const fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    pub(crate) fn sender(&self) -> String {
        self.signer.address().to_string().to_lowercase()
    }

    pub(crate) fn contract(&self, name: &str) -> String {
        let address = self.deployment.contract(name);
        address.expect("it was deployed").to_string().to_lowercase()
    }

    /// The answer to one request.
    async fn ask(&self, method: &str, parameters: Option<Value>) -> Value {
        let mut body = json!({"jsonrpc": "2.0", "id": 17, "method": method});
        if let Some(parameters) = parameters {
            body["params"] = parameters;
        }
        let request = self.client.post(&self.url).body(body.to_string());
        let request = request.header("content-type", "application/json");
        let answer = request.send().await.expect("the chain answers");
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(
            (&answer["id"], &answer["jsonrpc"]),
            (&json!(17), &json!("2.0"))
        );
        answer
    }

    /// The result of a request that must succeed.
    pub(crate) async fn get(&self, method: &str, parameters: Option<Value>) -> Value {
        let answer = self.ask(method, parameters).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The error of a request that must fail.
    pub(crate) async fn refusal(&self, method: &str, parameters: Value) -> Value {
        let answer = self.ask(method, Some(parameters)).await;
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].clone()
    }

    /// What a contract answers, as hex.
    pub(crate) async fn call(&self, contract: &str, input: &str) -> String {
        let zero = format!("0x{}", "00".repeat(20));
        let input = format!("0x{input}");
        let call = json!({"from": zero, "to": self.contract(contract), "input": input});
        let answer = self.get("eth_call", Some(json!([call, "latest"]))).await;
        answer.as_str().expect("hex").to_owned()
    }

    /// The word that a getter answers.
    pub(crate) async fn read(&self, contract: &str, function: &str, words: &[U256]) -> U256 {
        let mut input = hex::encode(&keccak256(function)[..4]);
        for word in words {
            input += &format!("{word:064x}");
        }
        self.call(contract, &input).await.parse().expect("a word")
    }

    pub(crate) fn topics(&self, receipt: &Value) -> Vec<String> {
        let logs = receipt["logs"].as_array().expect("a list");
        let own = |log: &&Value| log["topics"][0].is_string();
        let topics = logs.iter().filter(own).map(|log| &log["topics"][0]);
        topics
            .map(|topic| topic.as_str().expect("text").to_owned())
            .collect()
    }

    /// Mines until the next block is the first of a round.
    pub(crate) async fn mine_to_round(&self) {
        let head = self.node.with(|chain| chain.head_block().number());
        let blocks = ROUND - 1 - head % ROUND;
        self.get("anvil_mine", Some(json!([blocks]))).await;
    }

    /// Mines into a round and initialises it.
    pub(crate) async fn begin_round(&self) {
        self.mine_to_round().await;
        let from = self.sender();
        let input = hex::encode_prefixed(&keccak256("initializeRound()")[..4]);
        let call = json!({"from": from, "to": self.contract("RoundsManager"), "input": input});
        self.get("eth_sendTransaction", Some(json!([call]))).await;
    }
}
