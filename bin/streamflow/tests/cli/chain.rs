//! `devnet chain` as a process of its own, as clients and restarts meet it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::Home;

/// How long a block or a round may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A chain that runs.
pub(crate) struct Chain {
    process: Child,
    /// What it said of itself.
    data: Value,
}

impl Drop for Chain {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Chain {
    /// Starts the chain of this home.
    pub(crate) fn start(home: &Home) -> Self {
        let arguments = ["devnet", "chain", "--json", "--rpc-addr", "127.0.0.1:0"];
        let mut command = home.command(&arguments);
        command.args(["--block-time", "10ms"]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = process.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let data = started["data"].clone();
        Self { process, data }
    }

    pub(crate) fn rpc(&self) -> &str {
        self.data["rpc"].as_str().unwrap()
    }

    fn contract(&self, name: &str) -> &Value {
        &self.data["contracts"][name]
    }

    /// The result of a call that must succeed.
    fn ask(&self, method: &str, parameters: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let body = body.to_string();
        let host = self.rpc().trim_start_matches("http://");
        let mut socket = TcpStream::connect(host).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let answer: Value = serde_json::from_str(body).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// A word that a contract answers.
    fn word(&self, contract: &str, input: &str) -> u64 {
        let call = json!({"to": self.contract(contract), "input": input});
        let answer = self.ask("eth_call", json!([call, "latest"]));
        let digits = answer.as_str().unwrap().trim_start_matches("0x");
        u64::from_str_radix(digits, 16).unwrap()
    }

    /// `currentRound()` of the rounds, where it is initialised.
    fn initialised_round(&self) -> Option<u64> {
        let initialised = self.word("RoundsManager", "0x219bc76c") == 1;
        initialised.then(|| self.word("RoundsManager", "0x8a19c8bc"))
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < until, "{what} does not come");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a transaction from an account of the chain and waits for its receipt.
    fn send(&self, transaction: Value) -> Value {
        let hash = self.ask("eth_sendTransaction", json!([transaction]));
        self.wait("the receipt", |chain| {
            let receipt = chain.ask("eth_getTransactionReceipt", json!([hash]));
            (!receipt.is_null()).then_some(receipt)
        })
    }
}

#[test]
fn a_chain_that_was_killed_comes_back_with_all_it_had_and_its_rounds_go_on() {
    let home = Home::new();
    let chain = Chain::start(&home);
    let [first, second] = [0, 1].map(|place| chain.data["accounts"][place]["address"].clone());
    let stranger = "0x00000000000000000000000000000000000000cc";
    let receipt = chain.send(json!({"from": first, "to": stranger, "value": "0x5"}));
    assert_eq!(receipt["status"], "0x1");
    // approve(second, 7)
    let spender = &second.as_str().unwrap()[2..];
    let approve = format!("0x095ea7b3{spender:0>64}{:064x}", 7);
    let token = chain.contract("LivepeerToken").clone();
    let receipt = chain.send(json!({"from": first, "to": token, "input": approve}));
    assert_eq!(receipt["logs"].as_array().unwrap().len(), 1);
    let round = chain.wait("a round", Chain::initialised_round);
    chain.wait("the next round", |chain| {
        chain.initialised_round().filter(|now| *now > round)
    });
    let before = chain.data.clone();
    let last = chain.ask("eth_getBlockByNumber", json!(["latest", false]));
    drop(chain);

    let chain = Chain::start(&home);
    for same in ["contracts", "accounts", "chainId", "addressFile"] {
        assert_eq!(chain.data[same], before[same], "{same}");
    }
    let again = chain.ask("eth_getBlockByNumber", json!([last["number"], false]));
    assert_eq!(again["hash"], last["hash"]);
    assert_eq!(
        chain.ask("eth_getBalance", json!([stranger, "latest"])),
        "0x5"
    );
    let hash = &receipt["transactionHash"];
    let kept = chain.ask("eth_getTransactionReceipt", json!([hash]));
    assert_eq!(kept, receipt);
    let owner = &first.as_str().unwrap()[2..];
    let allowance = format!("0xdd62ed3e{owner:0>64}{spender:0>64}");
    assert_eq!(chain.word("LivepeerToken", &allowance), 7);
    let round = chain.wait("a round", Chain::initialised_round);
    chain.wait("the next round", |chain| {
        chain.initialised_round().filter(|now| *now > round)
    });
}

#[test]
fn blocks_and_rounds_come_on_command() {
    let home = Home::new();
    let chain = Chain::start(&home);
    let devnet =
        |line: &[&str]| home.run(&[&["devnet"], line, &["--json", "--rpc", chain.rpc()]].concat());
    let mined = devnet(&["mine", "500"]);
    assert_eq!(mined.code, 0, "{mined:?}");
    assert!(mined.json()["data"]["block"].as_u64().unwrap() >= 500);
    let before = chain.wait("a round", Chain::initialised_round);
    let moved = devnet(&["round"]);
    assert_eq!(moved.code, 0, "{moved:?}");
    assert!(moved.json()["data"]["round"].as_u64().unwrap() > before);
    let refused = devnet(&["mine", "1000000000"]);
    assert_eq!(
        (refused.code, refused.failure_code().as_str()),
        (5, "mine"),
        "{refused:?}"
    );
    assert!(refused.out.contains("at most"), "{refused:?}");
    let nowhere = home.run(&["devnet", "round", "--json", "--rpc", "http://127.0.0.1:1"]);
    assert_eq!(
        (nowhere.code, nowhere.failure_code().as_str()),
        (4, "no-chain"),
        "{nowhere:?}"
    );
}

#[test]
fn what_does_not_fit_the_chain_that_is_there_is_refused() {
    let home = Home::new();
    let chain = Chain::start(&home);
    let again = ["devnet", "chain", "--json", "--rpc-addr", "127.0.0.1:0"];
    let with = |more: &[&str]| home.run(&[&again[..], more].concat());
    let ran = with(&[]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (3, "chain"),
        "{ran:?}"
    );
    assert!(ran.out.contains("in use"), "{ran:?}");
    drop(chain);
    let ran = with(&["--round-length", "100"]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "round-length"),
        "{ran:?}"
    );
    let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                 abandon about";
    let ran = with(&["--seed", words]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (3, "chain"),
        "{ran:?}"
    );
    assert!(ran.out.contains("holds another chain"), "{ran:?}");
    let ran = with(&["--seed", "no such words"]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "seed"),
        "{ran:?}"
    );
    let ran = with(&["--round-length", "40"]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "usage"),
        "{ran:?}"
    );
    let ran = home.run(&["devnet", "up", "--json", "--seed", words]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "usage"),
        "{ran:?}"
    );
    assert!(ran.out.contains("--chain"), "{ran:?}");
}
