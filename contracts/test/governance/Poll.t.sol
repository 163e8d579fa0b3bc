// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Poll} from "../../contracts/polling/Poll.sol";
import {PollCreator} from "../../contracts/polling/PollCreator.sol";
import {Cheats} from "../ForgeTest.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// Polls: votes are events, a poll ends, and who has stake may start one.
contract PollTest is ProtocolFixture {
    PollCreator private creator;
    Poll private poll;

    function setUp() public override {
        super.setUp();
        creator = new PollCreator(address(bonding));
        cheats.roll(500);
        poll = new Poll(1000);
    }

    function testFuzz_AnyChoiceAnyNumberOfTimes(uint256 choice, address voter) public {
        for (uint256 i = 0; i < 2; i++) {
            cheats.expectEmit(address(poll));
            emit Poll.Vote(voter, choice);
            cheats.prank(voter);
            poll.vote(choice);
        }
    }

    function test_TheLastBlockStillCounts() public {
        cheats.roll(1000);
        poll.vote(1);
        refused("poll is active");
        poll.destroy();
        cheats.roll(1001);
        refused("poll is over");
        poll.vote(1);
        poll.destroy();
    }

    function test_WhoHasStakeStartsAPoll() public {
        eq(creator.QUORUM(), 333300, "quorum");
        eq(creator.QUOTA(), 500000, "quota");
        eq(creator.POLL_PERIOD(), 57600, "blocks");
        eq(creator.POLL_CREATION_COST(), 100 ether, "stake");
        eq(address(creator.bondingManager()), address(bonding), "asked");

        bondAs(DELEGATOR, 100 ether - 1, ORCHESTRATOR);
        cheats.prank(DELEGATOR);
        refused("PollCreator#createPoll: INSUFFICIENT_STAKE");
        creator.createPoll("p");
        bondAs(DELEGATOR, 1, ORCHESTRATOR);
        cheats.recordLogs();
        cheats.prank(DELEGATOR);
        creator.createPoll("proposal");
        checkCreated();
        cheats.prank(ORCHESTRATOR); // what others delegate counts as well
        creator.createPoll("proposal");
        cheats.prank(STRANGER);
        refused("PollCreator#createPoll: INSUFFICIENT_STAKE");
        creator.createPoll("p");
    }

    function checkCreated() private {
        Cheats.Log memory log = cheats.getRecordedLogs()[0];
        eq(log.topics[0], PollCreator.PollCreated.selector, "the first event");
        Poll created = Poll(address(uint160(uint256(log.topics[1]))));
        eq(created.endBlock(), 500 + 57600, "end");
        (bytes memory proposal, uint256 end, uint256 quorum, uint256 quota) =
            abi.decode(log.data, (bytes, uint256, uint256, uint256));
        eq(string(proposal), "proposal", "proposal");
        require(end == 500 + 57600 && quorum == 333300 && quota == 500000, "terms");
    }
}
