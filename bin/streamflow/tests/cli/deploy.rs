//! `deploy` against a chain that runs as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::chain::Chain;
use crate::program::{Home, Ran};

/// Keys that every development chain knows: of its first account, and of its second.
const FIRST: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const SECOND: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// The second key as another program's keystore file, and its password.
const KEYSTORE: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"1785f1048cf7a2aee3b9d7fb3cbdf7b3"},"ciphertext":"b17ff836ba4cefdca92f5adb1ff3e0695dc06302e0db2f8e13e90e174cf6760b","kdf":"scrypt","kdfparams":{"dklen":32,"n":8192,"p":1,"r":8,"salt":"9258980882c18d62895ba9dca2def349dc707001d2add8b6dba89611b702460e"},"mac":"b837ccc3a691365c4e277cf0cbdcebcadd3414daaaa31b42a51044e301330608"},"id":"df9bcc1d-6b25-487d-87fe-afaa1d8eb7a3","version":3}"#;
const PASSWORD: &str = "swordfish";

/// Who holds the second key.
const DEPLOYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

fn deploy(home: &Home, chain: &Chain, more: &[&str]) -> Ran {
    let key = home.file("key", SECOND, 0o600);
    let mut arguments = vec!["deploy", "--rpc", chain.rpc(), "--key-file", &key];
    arguments.extend(["--preset", "devnet", "--json"]);
    arguments.extend(more);
    home.run(&arguments)
}

#[test]
fn a_plan_sends_nothing_and_what_it_says_comes_true() {
    let (chain, home) = (Chain::start(&Home::new()), Home::new());
    let planned = deploy(&home, &chain, &[]);
    assert_eq!(planned.code, 0, "{planned:?}");
    let plan = planned.json()["data"].clone();
    assert_eq!(
        (&plan["dryRun"], &plan["complete"]),
        (&true.into(), &false.into())
    );
    assert_eq!(plan["deployer"], DEPLOYER);
    let file = home.path(".local/share/streamflow/contracts-31337.json");
    assert_eq!(plan["addressFile"], file.to_str().unwrap());
    assert!(!file.exists(), "a plan writes nothing");
    let again = deploy(&home, &chain, &["--dry-run"]).json()["data"].clone();
    assert_eq!(
        again["steps"], plan["steps"],
        "the account has sent nothing"
    );

    let done = deploy(&home, &chain, &["--yes", "--max-gas-price", "5gwei"]);
    assert_eq!(done.code, 0, "{done:?}");
    let done = done.json()["data"].clone();
    assert_eq!(done["complete"], true);
    let planned = plan["steps"].as_array().unwrap();
    let taken = done["steps"].as_array().unwrap();
    assert!(planned.len() > 50);
    for (planned, taken) in planned.iter().zip(taken) {
        for field in ["step", "address", "gas"] {
            assert_eq!(planned[field], taken[field], "{planned}");
        }
    }
    assert_eq!(done["gasUsed"], plan["gasLeft"]);

    // The file is what nodes read.
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(
        (&written["chainId"], &written["complete"]),
        (&31337.into(), &true.into())
    );
    let controller = written["contracts"]["Controller"].as_str().unwrap();
    assert!(controller.eq_ignore_ascii_case(done["contracts"]["Controller"].as_str().unwrap()));

    // Once more is no more.
    let again = deploy(&home, &chain, &["--yes"]).json()["data"].clone();
    assert_eq!(
        (&again["gasLeft"], &again["gasUsed"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(again["contracts"], done["contracts"]);

    // Another chain of the same number is noticed.
    let other = Chain::start(&Home::new());
    let refused = deploy(&home, &other, &["--yes"]);
    assert_eq!(
        (refused.code, refused.failure_code().as_str()),
        (3, "other-chain"),
        "{refused:?}"
    );
}

#[test]
fn a_deployment_that_was_killed_goes_on_where_it_stopped() {
    let (chain, home) = (Chain::start(&Home::new()), Home::new());
    let key = home.file("key", SECOND, 0o600);
    let arguments = ["deploy", "--rpc", chain.rpc(), "--key-file", &key, "--yes"];
    let mut command = home.command(&arguments);
    command.args(["--preset", "devnet"]).stdout(Stdio::null());
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let steps = BufReader::new(process.stderr.take().unwrap()).lines();
    for line in steps {
        if line.unwrap().trim_start().starts_with("17/") {
            break;
        }
    }
    process.kill().unwrap();
    process.wait().unwrap();

    let refused = deploy(&home, &chain, &["--yes"]);
    assert_eq!(
        (refused.code, refused.failure_code().as_str()),
        (3, "unfinished"),
        "{refused:?}"
    );
    let plan = deploy(&home, &chain, &["--resume"]).json()["data"].clone();
    let done = |report: &Value| {
        let steps = report["steps"].as_array().unwrap().iter();
        steps.filter(|step| step["done"] == true).count()
    };
    assert!((17..=18).contains(&done(&plan)), "{}", done(&plan));
    let ended = deploy(&home, &chain, &["--resume", "--yes"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = ended.json()["data"].clone();
    assert_eq!(ended["gasUsed"], plan["gasLeft"], "no step was taken twice");
    assert_eq!(ended["complete"], true);
    for (planned, taken) in plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .zip(ended["steps"].as_array().unwrap())
    {
        assert_eq!(planned["address"], taken["address"], "{planned}");
    }
    let refused = deploy(&home, &chain, &["--resume", "--out", "other.json"]);
    assert_eq!(
        (refused.code, refused.failure_code().as_str()),
        (3, "resume"),
        "{refused:?}"
    );
}

#[test]
fn what_is_wrong_is_named_with_the_fix() {
    let (chain, home) = (Chain::start(&Home::new()), Home::new());
    let key = home.file("key", FIRST, 0o600);
    let open = home.file("open", FIRST, 0o644);
    let half = home.file("half", "0xac0974", 0o600);
    let keystore = home.file("keystore", "{}", 0o600);
    let unknown = home.file("unknown.toml", "roundLenght = 60\n", 0o644);
    let short = home.file("short.toml", "roundLength = 40\n", 0o644);
    let strange = home.file(
        "strange.toml",
        "token = \"0x00000000000000000000000000000000000000aa\"\n",
        0o644,
    );
    let rpc = chain.rpc();
    // The line, the exit code, the error's code, and what the message or hint has to say.
    let cases: &[(&[&str], i32, &str, &str)] = &[
        (&["--rpc", rpc], 2, "key-file", "--key-file FILE"),
        (
            &["--rpc", rpc, "--from", DEPLOYER, "--yes"],
            2,
            "key-file",
            "--key-file FILE",
        ),
        (
            &["--rpc", rpc, "--key-file", &open],
            2,
            "key-file",
            "chmod 600",
        ),
        (
            &["--rpc", rpc, "--key-file", &half],
            2,
            "key-file",
            "64 hex digits",
        ),
        (
            &["--rpc", rpc, "--key-file", &keystore],
            2,
            "key-file",
            "--password-file FILE",
        ),
        (
            &["--rpc", rpc, "--key-file", &key, "--from", DEPLOYER],
            2,
            "from",
            "leave --from out",
        ),
        (&["--rpc", rpc, "--from", "0x12"], 2, "usage", "--from"),
        (
            &["--rpc", rpc, "--from", DEPLOYER, "--max-gas-price", "2"],
            2,
            "usage",
            "2gwei",
        ),
        (
            &["--rpc", "localhost", "--from", DEPLOYER],
            2,
            "rpc",
            "http://127.0.0.1:8545",
        ),
        (
            &["--rpc", "ws://127.0.0.1:1", "--from", DEPLOYER],
            2,
            "rpc",
            "http://",
        ),
        (
            &["--rpc", "http://127.0.0.1:1", "--from", DEPLOYER],
            4,
            "rpc",
            "http://127.0.0.1:1",
        ),
        (
            &["--rpc", rpc, "--from", DEPLOYER, "--params", &unknown],
            2,
            "params",
            "did you mean roundLength?",
        ),
        (
            &["--rpc", rpc, "--from", DEPLOYER, "--params", &short],
            2,
            "params",
            "roundLength is 40",
        ),
        (
            &["--rpc", rpc, "--from", DEPLOYER, "--params", &strange],
            3,
            "params",
            "token is 0x",
        ),
        (
            &["--rpc", rpc, "--from", DEPLOYER, "--out", &key],
            3,
            "out",
            "with --out",
        ),
        (
            &[
                "--rpc",
                rpc,
                "--key-file",
                &key,
                "--yes",
                "--max-gas-price",
                "1wei",
            ],
            5,
            "gas-price",
            "--max-gas-price",
        ),
        (&["--from", DEPLOYER], 2, "usage", "--rpc"),
    ];
    for (line, code, failure, says) in cases {
        let arguments: Vec<&str> = ["deploy", "--json"].iter().chain(*line).copied().collect();
        let ran = home.run(&arguments);
        assert_eq!(
            (ran.code, ran.failure_code().as_str()),
            (*code, *failure),
            "{line:?} {ran:?}"
        );
        assert!(ran.out.contains(says), "{line:?} {ran:?}");
    }
    let keystore = home.file("keystore", KEYSTORE, 0o600);
    let arguments = ["deploy", "--json", "--rpc", rpc, "--key-file", &keystore];
    let with = |password: &str| {
        let password = home.file("password", password, 0o600);
        home.run(&[&arguments[..], &["--password-file", &password]].concat())
    };
    let opened = with(PASSWORD);
    assert_eq!(opened.json()["data"]["deployer"], DEPLOYER, "{opened:?}");
    assert_eq!(with("sword").failure_code(), "key-file");
    // Planned without a key, by an account that holds nothing.
    let poor = "0x00000000000000000000000000000000000000bb";
    let ran = home.run(&["deploy", "--json", "--rpc", rpc, "--from", poor]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.json()["warnings"][0]
            .as_str()
            .unwrap()
            .contains("holds 0 ETH")
    );
    let poor_key = home.file("poor", &"22".repeat(32), 0o600);
    let ran = home.run(&[
        "deploy",
        "--json",
        "--rpc",
        rpc,
        "--key-file",
        &poor_key,
        "--yes",
    ]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (3, "balance"),
        "{ran:?}"
    );
}

#[test]
fn parameters_print_as_the_file_that_is_read() {
    let (chain, home) = (Chain::start(&Home::new()), Home::new());
    let printed = home.run(&["deploy", "--print-params", "--preset", "devnet"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    let changed = printed
        .out
        .replace("roundLength = \"80\"", "roundLength = 120");
    assert_ne!(changed, printed.out);
    let file = home.file("params.toml", &changed, 0o644);
    let plan = deploy(&home, &chain, &["--params", &file]);
    assert_eq!(
        plan.json()["data"]["parameters"]["roundLength"],
        "120",
        "{plan:?}"
    );
}
