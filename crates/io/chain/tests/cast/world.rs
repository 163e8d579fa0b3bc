//! The protocol on the embedded chain behind HTTP, and what cast does to it.

use std::net::SocketAddr;
use std::sync::Arc;

use alloy_primitives::{Bytes, U256};
use alloy_rpc_client::RpcClient;
use alloy_signer_local::PrivateKeySigner;
use streamflow_chain::Account;
use streamflow_chain::deploy::{Deployment, Forgotten, Parameters, deploy};
use streamflow_chain::development::{MNEMONIC, accounts, secret};
use streamflow_devchain::{Access, BlockId, Call, Chain, InProcess, Mining, Node, Settings, serve};
use streamflow_runtime::{Shutdown, SystemClock};
use tokio::net::TcpListener;

use crate::ROUND;
use crate::client::{Client, plain};

pub(crate) struct World {
    client: Client,
    node: Node,
    signers: Vec<PrivateKeySigner>,
    pub(crate) deployment: Deployment,
    url: String,
}

/// Whole ether or LPT in their smallest unit, as text.
pub(crate) fn ether(amount: u64) -> String {
    format!("{amount}{}", "0".repeat(18))
}

impl World {
    pub(crate) async fn start(program: String) -> Self {
        let signers = accounts(MNEMONIC, 4).expect("the words are a mnemonic");
        let keys = signers.iter().map(secret).collect();
        let balance = ether(1_000).parse().expect("a number");
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
        let address: SocketAddr = listener.local_addr().expect("it is bound");
        let served = serve(listener, node.clone(), Access::default(), Shutdown::new());
        // Ends with the test's runtime.
        tokio::spawn(served);
        Self {
            client: Client(program),
            node,
            signers,
            deployment: deployment.expect("the protocol can be deployed"),
            url: format!("http://{address}"),
        }
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn address(&self, account: usize) -> String {
        self.signers[account].address().to_string()
    }

    pub(crate) fn key(&self, account: usize) -> String {
        secret(&self.signers[account]).to_string()
    }

    pub(crate) fn contract(&self, name: &str) -> String {
        let address = self.deployment.contract(name);
        address.expect("it was deployed").to_string()
    }

    /// The answer of a getter that gives one value.
    pub(crate) fn read(&self, contract: &str, function: &str, arguments: &[&str]) -> String {
        let printed = self.ask(contract, function, arguments);
        plain(&printed.unwrap_or_else(|error| panic!("{contract}.{function}: {error}")))
    }

    /// What cast prints of a call.
    pub(crate) fn ask(
        &self,
        contract: &str,
        function: &str,
        arguments: &[&str],
    ) -> Result<String, String> {
        let contract = self.contract(contract);
        let call = ["call", "--rpc-url", &self.url, &contract, function];
        self.client.try_run(&[&call[..], arguments].concat())
    }

    /// The same call without cast and without HTTP.
    pub(crate) fn ask_inside(&self, contract: &str, input: Bytes) -> Result<Bytes, String> {
        let call = Call {
            to: self.deployment.contract(contract),
            input,
            ..Call::default()
        };
        let answer = self
            .node
            .with(|chain| chain.call(&call, BlockId::Latest, 0));
        answer.map_err(|error| error.to_string())
    }

    pub(crate) fn send(&self, from: usize, contract: &str, function: &str, arguments: &[&str]) {
        self.pay(from, contract, function, arguments, "0");
    }

    /// Sends a transaction with ether; it must succeed.
    pub(crate) fn pay(
        &self,
        from: usize,
        contract: &str,
        function: &str,
        arguments: &[&str],
        value: &str,
    ) {
        let sent = self.transact(from, contract, function, arguments, value);
        let receipt = sent.unwrap_or_else(|error| panic!("{contract}.{function}: {error}"));
        let receipt: serde_json::Value = serde_json::from_str(&receipt).expect("JSON");
        assert_eq!(receipt["status"], "0x1", "{contract}.{function}");
    }

    /// What cast says of a transaction that must be refused.
    pub(crate) fn refused(
        &self,
        from: usize,
        contract: &str,
        function: &str,
        arguments: &[&str],
    ) -> String {
        let sent = self.transact(from, contract, function, arguments, "0");
        sent.expect_err("it is refused")
    }

    fn transact(
        &self,
        from: usize,
        contract: &str,
        function: &str,
        arguments: &[&str],
        value: &str,
    ) -> Result<String, String> {
        let (contract, key) = (self.contract(contract), self.key(from));
        let head = [
            "send",
            "--json",
            "--rpc-url",
            &self.url,
            "--private-key",
            &key,
        ];
        let call = ["--value", value, &contract, function];
        self.client.try_run(&[&head[..], &call, arguments].concat())
    }

    /// Mines into the next round and initialises it.
    pub(crate) fn next_round(&self) {
        let head = self.head();
        let blocks = (ROUND - 1 - head % ROUND).to_string();
        let rpc = ["rpc", "--rpc-url", &self.url, "anvil_mine", &blocks];
        self.client.run(&rpc);
        self.send(0, "RoundsManager", "initializeRound()", &[]);
        assert_eq!(self.head() % ROUND, 0, "its first block initialises it");
    }

    pub(crate) fn head(&self) -> u64 {
        let number = self.client.run(&["block-number", "--rpc-url", &self.url]);
        number.parse().expect("a number")
    }
}
