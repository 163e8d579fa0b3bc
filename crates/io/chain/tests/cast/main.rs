//! `cast`, a client that others wrote, on the embedded chain over HTTP: it bonds, calls the reward,
//! redeems a ticket that it signed itself, proposes, and reads every getter of every contract.
//!
//! Runs where `CAST` names the program; `./test` installs it and says so.

mod client;
mod getters;
mod world;

use world::{World, ether};

/// Accounts by what they do; the first deployed.
const ORCHESTRATOR: usize = 1;
const DELEGATOR: usize = 2;
const GATEWAY: usize = 3;

/// Blocks of a round.
const ROUND: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cast_bonds_rewards_redeems_and_reads_every_getter() {
    let Ok(program) = std::env::var("CAST") else {
        eprintln!("not tried with cast: CAST does not name the program");
        return;
    };
    let world = World::start(program).await;
    // Blocking programs, one after the other: the chain answers from other threads meanwhile.
    tokio::task::block_in_place(|| {
        bond(&world);
        reward(&world);
        let ticket = redeem(&world);
        let proposal = propose(&world);
        getters::read_all(&world, &ticket, &proposal);
    });
}

fn bond(world: &World) {
    world.next_round();
    let orchestrator = world.address(ORCHESTRATOR);
    let bonding = world.contract("BondingManager");
    for account in [ORCHESTRATOR, DELEGATOR] {
        let to = world.address(account);
        world.send(
            0,
            "LivepeerToken",
            "transfer(address,uint256)",
            &[&to, &ether(1_000)],
        );
        world.send(
            account,
            "LivepeerToken",
            "approve(address,uint256)",
            &[&bonding, &ether(1_000)],
        );
        let bonded = [ether(500).as_str(), &orchestrator].map(str::to_owned);
        world.send(
            account,
            "BondingManager",
            "bond(uint256,address)",
            &[&bonded[0], &bonded[1]],
        );
    }
    world.send(
        ORCHESTRATOR,
        "BondingManager",
        "transcoder(uint256,uint256)",
        &["100000", "500000"],
    );
    let stake = "transcoderTotalStake(address)(uint256)";
    assert_eq!(
        world.read("BondingManager", stake, &[&orchestrator]),
        ether(1_000)
    );
    let first = world.read("BondingManager", "getFirstTranscoderInPool()(address)", &[]);
    assert_eq!(first, orchestrator);
}

fn reward(world: &World) {
    world.next_round();
    let orchestrator = world.address(ORCHESTRATOR);
    let supply = || -> u128 {
        let supply = world.read("LivepeerToken", "totalSupply()(uint256)", &[]);
        supply.parse().expect("a number")
    };
    let before = supply();
    world.send(ORCHESTRATOR, "BondingManager", "reward()", &[]);
    let minted = supply() - before;
    let counted = world.read("Minter", "currentMintedTokens()(uint256)", &[]);
    assert_eq!(counted, minted.to_string());
    // Nine tenths of what the treasury leaves go to stakes, half of them the delegator's.
    let delegator = world.address(DELEGATOR);
    let pending = "pendingStake(address,uint256)(uint256)";
    let stake = world.read("BondingManager", pending, &[&delegator, "0"]);
    let stake: u128 = stake.parse().expect("a number");
    let wanted = minted / 10 * 9 / 10 * 9 / 2;
    let earned = stake - 500 * 10_u128.pow(18);
    assert!(earned.abs_diff(wanted) < 1_000, "{earned}, not {wanted}");
    let again = world.refused(ORCHESTRATOR, "BondingManager", "reward()", &[]);
    assert!(
        again
            .contains("execution reverted: caller has already called reward for the current round"),
        "{again}"
    );
    let orchestrator = [orchestrator.as_str()];
    let active = world.read(
        "BondingManager",
        "isActiveTranscoder(address)(bool)",
        &orchestrator,
    );
    assert_eq!(active, "true");
}

/// A ticket that wins, made, signed and redeemed by cast alone. Gives it as cast writes tickets.
fn redeem(world: &World) -> String {
    world.next_round();
    let (gateway, orchestrator) = (world.address(GATEWAY), world.address(ORCHESTRATOR));
    let fund = "fundDepositAndReserve(uint256,uint256)";
    let amounts = [ether(1), ether(2)];
    let amounts = amounts.each_ref().map(String::as_str);
    world.pay(GATEWAY, "TicketBroker", fund, &amounts, &ether(3));

    let round = world.read("RoundsManager", "currentRound()(uint256)", &[]);
    let hash = world.read(
        "RoundsManager",
        "blockHashForRound(uint256)(bytes32)",
        &[&round],
    );
    let cast = |arguments: &[&str]| world.client().run(arguments);
    let aux = cast(&["abi-encode", "f(uint256,bytes32)", &round, &hash]);
    let rand = cast(&["abi-encode", "f(uint256)", "123456789"]);
    let rand_hash = cast(&["keccak", &rand]);
    let (face, certain) = (ether(1), cast(&["max-uint"]));
    let types = "f(address,address,uint256,uint256,uint256,bytes32,bytes)";
    let values = [
        &orchestrator,
        &gateway,
        &face,
        &certain,
        "7",
        &rand_hash,
        &aux,
    ];
    let packed = [&["abi-encode", "--packed", types], &values[..]].concat();
    let ticket_hash = cast(&["keccak", &cast(&packed)]);
    let key = world.key(GATEWAY);
    let signature = cast(&["wallet", "sign", "--private-key", &key, &ticket_hash]);

    let ticket = format!("({})", values.join(","));
    let tuple = "(address,address,uint256,uint256,uint256,bytes32,bytes)";
    let by_contract = world.read(
        "TicketBroker",
        &format!("getTicketHash({tuple})(bytes32)"),
        &[&ticket],
    );
    assert_eq!(by_contract, ticket_hash);
    let function = format!("redeemWinningTicket({tuple},bytes,uint256)");
    let arguments = [ticket.as_str(), &signature, "123456789"];
    let stranger = world.key(DELEGATOR);
    let forged = cast(&["wallet", "sign", "--private-key", &stranger, &ticket_hash]);
    let forged = world.refused(
        ORCHESTRATOR,
        "TicketBroker",
        &function,
        &[&ticket, &forged, "123456789"],
    );
    assert!(
        forged.contains("execution reverted: invalid signature over ticket hash"),
        "{forged}"
    );
    world.send(ORCHESTRATOR, "TicketBroker", &function, &arguments);
    let used = world.read(
        "TicketBroker",
        "usedTickets(bytes32)(bool)",
        &[&ticket_hash],
    );
    assert_eq!(used, "true");
    let again = world.refused(ORCHESTRATOR, "TicketBroker", &function, &arguments);
    assert!(
        again.contains("execution reverted: ticket is used"),
        "{again}"
    );

    // All of the deposit is paid. Half of it goes by stake, and the rest is the orchestrator's.
    let of = |function: &str, arguments: &[&str]| -> f64 {
        let found = world.read("BondingManager", function, arguments);
        found.parse().expect("a number")
    };
    let (stake, fees) = (
        "pendingStake(address,uint256)(uint256)",
        "pendingFees(address,uint256)(uint256)",
    );
    let delegator = world.address(DELEGATOR);
    let total = of("transcoderTotalStake(address)(uint256)", &[&orchestrator]);
    let share = of(stake, &[&delegator, "0"]) / total / 2.0;
    for (account, share) in [(&delegator, share), (&orchestrator, 1.0 - share)] {
        let (found, wanted) = (of(fees, &[account, "0"]), 1e18 * share);
        assert!((found - wanted).abs() < 1e6, "{found}, not about {wanted}");
    }
    ticket
}

/// A proposal by the orchestrator; gives its number.
fn propose(world: &World) -> String {
    world.next_round();
    let target = world.contract("LivepeerToken");
    let values = [format!("[{target}]"), "[0]".to_owned(), "[0x]".to_owned()];
    let [targets, amounts, calls] = values.each_ref().map(String::as_str);
    let propose = "propose(address[],uint256[],bytes[],string)";
    world.send(
        ORCHESTRATOR,
        "LivepeerGovernor",
        propose,
        &[targets, amounts, calls, "text"],
    );
    let description = world.client().run(&["keccak", "text"]);
    let hash = "hashProposal(address[],uint256[],bytes[],bytes32)(uint256)";
    world.read(
        "LivepeerGovernor",
        hash,
        &[targets, amounts, calls, &description],
    )
}
