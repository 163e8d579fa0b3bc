//! The deployed protocol with its actors, and what a step of a recording does to it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use alloy_dyn_abi::{DecodedEvent, DynSolValue, EventExt, FunctionExt, JsonAbiExt, Specifier};
use alloy_json_abi::{Function, JsonAbi};
use alloy_primitives::{Address, B256, Log, LogData, U256, hex};
use alloy_sol_types::SolCall;
use serde_json::{Value, json};
use streamflow_chain::contracts::RoundsManager;
use streamflow_chain::deploy::{Deployment, Forgotten, Parameters, deploy};
use streamflow_chain::{Account, artifact};

use crate::door::{Door, signer};
use crate::values::{Names, normal};

/// Blocks of a round in the recordings.
const ROUND: u64 = 50;

pub(crate) struct World {
    door: Door,
    owner: Account,
    pub(crate) names: Names,
    contracts: BTreeMap<Address, &'static str>,
    /// Data of tickets as it is here, to what it was in the recording.
    pub(crate) renewed_aux: HashMap<String, String>,
}

/// The contracts that recordings name.
const CONTRACTS: [&str; 5] = [
    "BondingManager",
    "BondingVotes",
    "LivepeerToken",
    "Minter",
    "TicketBroker",
];

impl World {
    /// The protocol as recordings find it: deployed, funded, approved, in round 1.
    pub(crate) async fn start(door: Door) -> Self {
        let owner = Account::new(door.client(), signer(0));
        let parameters = Parameters {
            inflation: U256::from(137),
            inflation_change: U256::from(3),
            target_bonding_rate: U256::from(500_000),
            num_active_transcoders: U256::from(3),
            round_length: U256::from(ROUND),
            unlock_period: U256::from(50),
            ..Parameters::devnet()
        };
        let deployment = deploy(&owner, &parameters, None, &mut Forgotten, &mut |_| {}).await;
        let deployment = deployment.expect("the protocol can be deployed");
        let mut world = Self {
            door,
            owner,
            names: Names::default(),
            contracts: BTreeMap::new(),
            renewed_aux: HashMap::new(),
        };
        world.name(&deployment);
        for place in 1..=6 {
            let amount = "10000000000000000000000";
            let arguments = json!([format!("@{place}"), amount]);
            world
                .must("@0", "LivepeerToken", "transfer", &arguments)
                .await;
        }
        for place in 0..=6 {
            let arguments = json!(["@BondingManager", U256::MAX.to_string()]);
            let actor = format!("@{place}");
            world
                .must(&actor, "LivepeerToken", "approve", &arguments)
                .await;
        }
        let head = world.head().await;
        assert!(
            (ROUND..2 * ROUND).contains(&head),
            "recordings begin in round 1, not at {head}"
        );
        world
    }

    /// Does a step; says what differs from the recording.
    pub(crate) async fn step(&mut self, step: &Value) -> Result<(), String> {
        if let Some(count) = step["advance_rounds"].as_u64() {
            for _ in 0..count {
                self.next_round(step["initialize"] == true).await;
            }
        }
        if step["fn"].is_string() {
            let arguments = self.renewed(step).await;
            self.act(step, &arguments).await?;
        }
        for read in step["reads"].as_array().into_iter().flatten() {
            self.read(read).await?;
        }
        Ok(())
    }

    async fn act(&self, step: &Value, arguments: &Value) -> Result<(), String> {
        let text = |name: &str| step[name].as_str().unwrap_or_default();
        let (contract, function) = (text("contract"), text("fn"));
        let mut call = self.call(text("as"), contract, function, arguments);
        if let Some(value) = step["value"].as_str() {
            let value: U256 = value.parse().expect("a number");
            call["value"] = json!(value);
        }
        if let Some(wanted) = step["revert"].as_str() {
            let answer = self.door.ask("eth_call", json!([call, "latest"])).await;
            return self.compare_revert(&answer, contract, wanted);
        }
        let sent = self.door.ask("eth_sendTransaction", json!([call])).await;
        let Some(hash) = sent["result"].as_str() else {
            let error = &sent["error"]["data"];
            return Err(format!(
                "refused: {sent}, {}",
                self.reverted(error, contract)
            ));
        };
        let receipt = self.receipt(hash).await;
        if receipt["status"] != "0x1" {
            let answer = self.door.ask("eth_call", json!([call, "latest"])).await;
            return Err(format!("reverted: {answer}"));
        }
        let found = self.events(&receipt["logs"]);
        let wanted = normal(&step["events"]);
        if found == wanted {
            Ok(())
        } else {
            Err(format!("events\n   {found}\nnot {wanted}"))
        }
    }

    /// The receipt, as soon as it is there.
    async fn receipt(&self, hash: &str) -> Value {
        for _ in 0..1_000 {
            let answer = self
                .door
                .ask("eth_getTransactionReceipt", json!([hash]))
                .await;
            if !answer["result"].is_null() {
                return answer["result"].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{hash} is not mined");
    }

    async fn read(&self, read: &Value) -> Result<(), String> {
        let text = |name: &str| read[name].as_str().unwrap_or_default();
        let (contract, function) = (text("contract"), text("fn"));
        let call = self.call("@0", contract, function, &read["args"]);
        let answer = self.door.ask("eth_call", json!([call, "latest"])).await;
        if let Some(wanted) = read["result"]["revert"].as_str() {
            return self.compare_revert(&answer, contract, wanted);
        }
        let Some(data) = answer["result"].as_str() else {
            return Err(format!("{read}: {answer}"));
        };
        let data = hex::decode(data).map_err(|error| error.to_string())?;
        let values = self
            .function(contract, function, &read["args"])
            .abi_decode_output(&data);
        let values = values.map_err(|error| format!("{read}: {error}"))?;
        let (found, wanted) = (self.names.write_all(&values), normal(&read["result"]));
        if found == wanted {
            Ok(())
        } else {
            Err(format!(
                "{contract}.{function}{}: {found}, not {wanted}",
                read["args"]
            ))
        }
    }

    /// Sends what must succeed.
    async fn must(&self, actor: &str, contract: &str, function: &str, arguments: &Value) {
        let call = self.call(actor, contract, function, arguments);
        let sent = self.door.ask("eth_sendTransaction", json!([call])).await;
        let hash = sent["result"].as_str();
        let hash = hash.unwrap_or_else(|| panic!("{actor} {contract}.{function}: {sent}"));
        let receipt = self.receipt(hash).await;
        assert_eq!(receipt["status"], "0x1", "{actor} {contract}.{function}");
    }

    fn call(&self, actor: &str, contract: &str, function: &str, arguments: &Value) -> Value {
        let function = self.function(contract, function, arguments);
        let values: Vec<DynSolValue> = function
            .inputs
            .iter()
            .zip(arguments.as_array().expect("arguments are a list"))
            .map(|(input, value)| self.names.read(value, &input.resolve().expect("a type")))
            .collect();
        let input = function.abi_encode_input(&values).expect("arguments fit");
        json!({
            // Given, for an estimate would be the least with which a batch succeeds: that of one
            // whose tickets all fail.
            "gas": "0x4c4b40",
            "from": self.names.address(actor),
            "to": self.names.address(&format!("@{contract}")),
            "input": hex::encode_prefixed(input),
        })
    }

    fn function(&self, contract: &str, name: &str, arguments: &Value) -> &'static Function {
        let count = arguments.as_array().map_or(0, Vec::len);
        let functions = artifact(contract).abi.functions.get(name);
        let function = functions
            .into_iter()
            .flatten()
            .find(|function| function.inputs.len() == count);
        function.unwrap_or_else(|| panic!("{contract} has no {name} of {count} arguments"))
    }

    async fn next_round(&self, initialize: bool) {
        let head = self.head().await;
        let start = (head / ROUND + 1) * ROUND;
        // The next transaction is in the first block of the round.
        self.door.ask("anvil_mine", json!([start - 1 - head])).await;
        if initialize {
            let call = json!({
                "from": self.names.address("@9"),
                "to": self.names.address("@RoundsManager"),
                "input": hex::encode_prefixed(RoundsManager::initializeRoundCall::SELECTOR),
            });
            let sent = self.door.ask("eth_sendTransaction", json!([call])).await;
            let hash = sent["result"].as_str();
            let hash = hash.unwrap_or_else(|| panic!("initializeRound: {sent}"));
            self.receipt(hash).await;
        }
    }

    async fn head(&self) -> u64 {
        self.owner.block_number().await.expect("the chain answers")
    }

    pub(crate) async fn block_hash_for_round(&self, round: U256) -> B256 {
        let rounds = self.names.address("@RoundsManager");
        let call = RoundsManager::blockHashForRoundCall { round };
        self.owner
            .read(rounds, call)
            .await
            .expect("the contract answers")
    }

    pub(crate) async fn sign(&self, actor: &str, hash: &[u8; 32]) -> Value {
        let parameters = json!([self.names.address(actor), hex::encode_prefixed(hash)]);
        let signed = self.door.ask("eth_sign", parameters).await;
        assert!(signed["result"].is_string(), "eth_sign: {signed}");
        signed["result"].clone()
    }

    fn name(&mut self, deployment: &Deployment) {
        for place in 0..10 {
            self.names.add(&place.to_string(), signer(place).address());
        }
        self.names.add("zero", Address::ZERO);
        for (name, address) in &deployment.contracts {
            self.names.add(name, *address);
        }
        for name in CONTRACTS {
            let address = deployment.contract(name).expect("it was deployed");
            self.contracts.insert(address, name);
        }
    }

    /// The events of a receipt as recordings write them.
    fn events(&self, logs: &Value) -> Value {
        let logs = logs.as_array().into_iter().flatten();
        logs.map(|log| self.event(log)).collect()
    }

    fn event(&self, log: &Value) -> Value {
        let log: Log = log_of(log);
        let Some(contract) = self.contracts.get(&log.address) else {
            return json!({"contract": log.address, "topics": log.data.topics()});
        };
        let abi: &JsonAbi = &artifact(contract).abi;
        let topic = log.data.topics().first().copied().unwrap_or_default();
        let Some(event) = abi.events().find(|event| event.selector() == topic) else {
            return json!({"contract": contract, "unknown": topic});
        };
        let decoded: DecodedEvent = event.decode_log(&log.data).expect("events fit their ABI");
        let (mut indexed, mut body) = (decoded.indexed.iter(), decoded.body.iter());
        let mut members = serde_json::Map::new();
        for input in &event.inputs {
            let value = if input.indexed {
                indexed.next()
            } else {
                body.next()
            };
            let mut value = self.names.write(value.expect("one value for each"));
            if let Some(recorded) = value.as_str().and_then(|aux| self.renewed_aux.get(aux)) {
                value = json!(recorded);
            }
            members.insert(input.name.clone(), value);
        }
        json!({"contract": contract, "event": event.name, "args": members})
    }

    fn compare_revert(&self, answer: &Value, contract: &str, wanted: &str) -> Result<(), String> {
        let found = self.reverted(&answer["error"]["data"], contract);
        if found == wanted {
            Ok(())
        } else {
            Err(format!("reverted with {found}, not {wanted}: {answer}"))
        }
    }

    /// A refusal as recordings write it: its text, the custom error, or the data of a panic.
    fn reverted(&self, data: &Value, contract: &str) -> String {
        let data = data.as_str().and_then(|data| hex::decode(data).ok());
        let Some(data) = data else {
            return "nothing".to_owned();
        };
        let Some((selector, rest)) = data.split_first_chunk::<4>() else {
            return "no data".to_owned();
        };
        if *selector == hex!("08c379a0") {
            let decoded = alloy_dyn_abi::DynSolType::String.abi_decode_params(rest);
            let text = decoded
                .ok()
                .and_then(|value| value.as_str().map(ToOwned::to_owned));
            return text.unwrap_or_default();
        }
        if *selector == hex!("4e487b71") {
            return format!("panic {}", hex::encode_prefixed(&data));
        }
        let mut errors = artifact(contract).abi.errors();
        let Some(error) = errors.find(|error| error.selector() == *selector) else {
            return hex::encode_prefixed(&data);
        };
        let values = error.abi_decode_input(rest).expect("errors fit their ABI");
        let values: Vec<String> = values
            .iter()
            .map(|value| match self.names.write(value) {
                Value::String(text) => text,
                other => other.to_string(),
            })
            .collect();
        format!("{}({})", error.name, values.join(","))
    }
}

fn log_of(log: &Value) -> Log {
    let topics = log["topics"].as_array().into_iter().flatten();
    let topics = topics.map(|topic| serde_json::from_value(topic.clone()).expect("a topic"));
    let data = serde_json::from_value(log["data"].clone()).expect("data");
    Log {
        address: serde_json::from_value(log["address"].clone()).expect("an address"),
        data: LogData::new_unchecked(topics.collect(), data),
    }
}
