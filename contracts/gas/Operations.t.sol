// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Network} from "./Network.sol";
import {Tickets} from "./Tickets.sol";

/// What the operations of users cost in a pool of ten, with the treasury's cut and ceiling set and no hints given.
/// Every figure is one transaction on the state that its name says, in a network some rounds old.
contract OperationsGas is Tickets {
    uint256 private constant POOL = 10;
    address private alice = account("alice");
    address private bob = account("bob");

    function setUp() public {
        deployNetwork(POOL);
        for (uint256 i = 1; i < POOL; i++) join(i);
    }

    function test_Operations() public {
        record("self-bond joining the pool", joinTheMiddle());
        join(POOL);
        bondAs(alice, 5 ether, orchestrator(5));
        steadyRounds(3);
        bonding_();
        rewards_();
        tickets_();
        fees_();
        vm.writeJson(record("batch of ten, a ticket", batchOfTen() / 10), "out/gas-operations.json");
    }

    /// Bonds and sets rates, so that rewards and fees are shared with delegators.
    function join(uint256 index) private {
        bondAs(orchestrator(index), stakeOf(index), orchestrator(index));
        onBonding(orchestrator(index), abi.encodeCall(bonding.transcoder, (50_000, 500_000)));
    }

    /// The newcomer's stake is between the fifth's and the sixth's.
    function joinTheMiddle() private fresh returns (uint256) {
        return bondAs(bob, stakeOf(5) - 10 ether, bob);
    }

    function bonding_() private fresh {
        nextRound();
        record("first delegator bond", bondAs(bob, 1 ether, orchestrator(6)));

        rewardAs(orchestrator(5));
        record("bond more, same delegate", bondAs(alice, 1 ether, orchestrator(5)));
        record("bond more, same round again", bondAs(alice, 1 ether, orchestrator(5)));
        record("unbond (partial)", onBonding(alice, abi.encodeCall(bonding.unbond, (1 ether))));
        record("rebond", onBonding(alice, abi.encodeCall(bonding.rebond, (0))));
        transfers_();
        record("change delegate", onBonding(alice, abi.encodeCall(bonding.bond, (0, orchestrator(7)))));
    }

    function transfers_() private fresh {
        bytes memory toNewcomer =
            abi.encodeCall(bonding.transferBond, (account("carol"), 1 ether, NONE, NONE, NONE, NONE));
        bytes memory toDelegator = abi.encodeCall(bonding.transferBond, (bob, 1 ether, NONE, NONE, NONE, NONE));
        record("transferBond", onBonding(alice, toNewcomer));
        record("transferBond, to another's delegator", onBonding(alice, toDelegator));
    }

    function rewards_() private fresh {
        uint256 even = startRound();
        uint256 odd = startRound();
        record("initializeRound, one round", even);
        record("initializeRound, the next", odd);
        record("initializeRound, steady state", (even + odd + 1) / 2);
        record("reward, steady state, mid pool", rewardAs(orchestrator(5)));
        record("reward, steady state, tail", rewardAs(orchestrator(POOL)));
        bytes memory rates = abi.encodeCall(bonding.transcoder, (60_000, 510_000));
        record("transcoder (update rates)", onBonding(orchestrator(5), rates));
    }

    function tickets_() private fresh {
        record("fundDepositAndReserve", fund(1 ether, 1 ether));
        nextRound();
        rewardAs(orchestrator(5));
        record("redeem, deposit only, first fee of the round", redeem(orchestrator(5), 0.011 ether));
        record("redeem, deposit only, later", redeem(orchestrator(5), 0.012 ether));
        redeem(orchestrator(5), 0.95 ether);
        record("redeem, deposit + reserve", redeem(orchestrator(5), 0.07 ether));
    }

    /// Fees of the last round, then also of this one.
    function fees_() private fresh {
        fund(1 ether, 1 ether);
        nextRound();
        rewardAs(orchestrator(5));
        redeem(orchestrator(5), 0.011 ether);
        nextRound();
        rewardAs(orchestrator(5));
        record("claimEarnings", claim());
        redeem(orchestrator(5), 0.012 ether);
        record("withdrawFees", withdraw());
    }

    function claim() private fresh returns (uint256) {
        return onBonding(alice, abi.encodeCall(bonding.claimEarnings, (0)));
    }

    function withdraw() private returns (uint256) {
        vm.deal(alice, 1 ether);
        return onBonding(alice, abi.encodeCall(bonding.withdrawFees, (alice, bonding.pendingFees(alice, 0))));
    }

    function batchOfTen() private fresh returns (uint256) {
        fund(1 ether, 1 ether);
        nextRound();
        rewardAs(orchestrator(5));
        redeem(orchestrator(5), 0.011 ether);
        return redeemBatch(orchestrator(5), 0.012 ether, 10);
    }

    function startRound() private returns (uint256) {
        rounds.mineBlocks(ROUND_LENGTH);
        return send(account("anyone"), address(rounds), 0, abi.encodeCall(rounds.initializeRound, ()));
    }

    function steadyRounds(uint256 count) private {
        for (uint256 i = 0; i < count; i++) {
            nextRound();
            for (uint256 k = 1; k <= POOL; k++) rewardAs(orchestrator(k));
        }
    }

    function stakeOf(uint256 index) private pure returns (uint256) {
        return (1000 - 20 * index) * 1 ether;
    }
}
