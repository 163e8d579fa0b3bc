//! A chain behind JSON-RPC: ours in the process, or anvil.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::U256;
use alloy_rpc_client::RpcClient;
use alloy_signer_local::PrivateKeySigner;
use serde_json::{Value, json};
use streamflow_chain::connect;
use streamflow_chain::development::{MNEMONIC, accounts, secret};
use streamflow_devchain::{Chain, Fees, Fork, InProcess, Mining, Node, Settings};
use streamflow_runtime::SystemClock;

pub(crate) enum Door {
    Embedded(Node),
    Anvil { process: Child, client: RpcClient },
}

/// The development account of this number.
pub(crate) fn signer(place: usize) -> PrivateKeySigner {
    let accounts = accounts(MNEMONIC, 10).expect("the words are a mnemonic");
    accounts[place].clone()
}

impl Door {
    pub(crate) fn embedded() -> Self {
        let accounts = accounts(MNEMONIC, 10).expect("the words are a mnemonic");
        let keys = accounts.iter().map(secret);
        let balance = U256::from(10_000) * U256::from(10).pow(U256::from(18));
        let mut settings = Settings::with_keys(keys.collect(), balance).expect("keys");
        // The oldest rules that the contracts are made for.
        settings.fork = Fork::London;
        settings.fees = Fees::Fixed(1_000_000_000);
        let chain = Chain::new(settings);
        Self::Embedded(Node::new(chain, Mining::Automatic, Arc::new(SystemClock)))
    }

    pub(crate) async fn anvil(program: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--hardfork", "london"])
            .args(["--gas-limit", "30000000", "--order", "fifo"])
            .stdout(Stdio::null())
            .spawn()
            .expect("ANVIL names a program");
        let door = Self::Anvil {
            process,
            client: connect(&format!("http://127.0.0.1:{port}")).expect("a URL"),
        };
        let limit = Instant::now() + Duration::from_secs(30);
        while door
            .client()
            .request_noparams::<String>("eth_chainId")
            .await
            .is_err()
        {
            assert!(Instant::now() < limit, "anvil does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        door
    }

    pub(crate) fn client(&self) -> RpcClient {
        match self {
            Self::Embedded(node) => RpcClient::new(InProcess::new(node.clone()), true),
            Self::Anvil { client, .. } => client.clone(),
        }
    }

    /// What a call answers, result or error.
    pub(crate) async fn ask(&self, method: &str, parameters: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        match self {
            Self::Embedded(node) => {
                let answer = node.answer(body.to_string().as_bytes());
                answer.expect("a call with an id is answered")
            }
            Self::Anvil { .. } => {
                let method = method.to_owned();
                let answer: Result<Value, _> = self.client().request(method, parameters).await;
                match answer {
                    Ok(result) => json!({"result": result}),
                    Err(error) => {
                        let error = error.as_error_resp().expect("anvil answers");
                        json!({"error": error})
                    }
                }
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Anvil { process, .. } = self {
            // It may be gone already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
