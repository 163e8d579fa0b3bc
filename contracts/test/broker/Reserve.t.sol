// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ITicketBroker} from "../../contracts/pm/ITicketBroker.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// A reserve is shared in equal parts by the orchestrators of the pool, anew in every round.
contract ReserveTest is ProtocolFixture {
    address private constant SECOND = address(0xa2a2);

    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        bondAs(SECOND, 1000 ether, SECOND);
        nextRound();
        fundAs(sender, 0, 9 ether);
    }

    function test_EachClaimsItsShareOnceARound() public {
        eq(broker.claimableReserve(sender, ORCHESTRATOR), 4.5 ether, "half");
        redeem(winner(ORCHESTRATOR, 100 ether, 1));
        eq(broker.claimableReserve(sender, ORCHESTRATOR), 0, "used up");
        eq(broker.claimableReserve(sender, SECOND), 4.5 ether, "the other's half is untouched");
        eq(broker.getReserveInfo(sender).claimedInCurrentRound, 4.5 ether, "claimed in this round");

        nextRound();
        eq(broker.claimedReserve(sender, ORCHESTRATOR), 0, "a new round");
        eq(broker.getReserveInfo(sender).claimedInCurrentRound, 0, "for all");
        eq(broker.claimableReserve(sender, ORCHESTRATOR), 2.25 ether, "half of what is left");
    }

    function test_FundingDuringTheRoundRaisesTheShare() public {
        redeem(winner(ORCHESTRATOR, 4.5 ether, 1));
        fundAs(sender, 0, 1 ether);
        eq(broker.claimableReserve(sender, ORCHESTRATOR), 0.5 ether, "half of what came");
    }

    function test_WhoIsNotActiveHasNoShare() public {
        eq(broker.claimableReserve(sender, STRANGER), 0, "stranger");
        bondAs(STRANGER, 10 ether, STRANGER);
        eq(broker.claimableReserve(sender, STRANGER), 0, "active from the next round on");
        eq(broker.claimableReserve(sender, ORCHESTRATOR), 3 ether, "but the pool has three already");
    }

    function test_WithNobodyInThePoolThereIsNoShare() public {
        cheats.prank(SECOND);
        bonding.unbond(1000 ether);
        cheats.prank(ORCHESTRATOR);
        bonding.unbond(1000 ether);
        require(bonding.isActiveTranscoder(ORCHESTRATOR), "active to the end of the round");
        eq(broker.claimableReserve(sender, ORCHESTRATOR), 0, "no pool, no share");
    }

    function test_AShareThatFellBelowTheClaimPanics() public {
        redeem(winner(ORCHESTRATOR, 4.5 ether, 1));
        bondAs(STRANGER, 10 ether, STRANGER);
        panics(0x11);
        broker.claimableReserve(sender, ORCHESTRATOR);
    }

    function testFuzz_ClaimsNeverExceedTheShare(uint256 funds, uint256[4] memory wanted) public {
        fundAs(sender, 0, funds % 1000 ether);
        uint256 share = reserveOf(sender) / 2;
        for (uint256 i = 0; i < 4; i++) {
            address recipient = i % 2 == 0 ? ORCHESTRATOR : SECOND;
            uint256 face = wanted[i] % 600 ether;
            uint256 left = share - broker.claimedReserve(sender, recipient);
            if (reserveOf(sender) == 0) break;
            redeem(winner(recipient, face, i));
            uint256 nowLeft = share - broker.claimedReserve(sender, recipient);
            eq(left - nowLeft, face < left ? face : left, "as much as wanted and left");
        }
        eq(
            broker.claimedReserve(sender, ORCHESTRATOR) + broker.claimedReserve(sender, SECOND),
            broker.getReserveInfo(sender).claimedInCurrentRound,
            "claims add up"
        );
    }
}
