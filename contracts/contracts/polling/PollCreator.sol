// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Poll} from "./Poll.sol";

/// @notice What is asked of the real one
interface IBondingManager {
    function transcoderTotalStake(address _addr) external view returns (uint256);

    function pendingStake(address _addr, uint256 _endRound) external view returns (uint256);
}

/// @title Starts polls for those who have stake
contract PollCreator {
    /// @notice Share of the stake that must vote, in millionths
    uint256 public constant QUORUM = 333300;

    /// @notice Share of the votes that must agree, in millionths
    uint256 public constant QUOTA = 500000;

    /// @notice Blocks of a poll
    uint256 public constant POLL_PERIOD = 10 * 5760;

    /// @notice Stake needed; nothing is charged
    uint256 public constant POLL_CREATION_COST = 100 * 1 ether;

    /// @notice Where stake is known
    IBondingManager public bondingManager;

    event PollCreated(address indexed poll, bytes proposal, uint256 endBlock, uint256 quorum, uint256 quota);

    constructor(address _bondingManagerAddr) {
        bondingManager = IBondingManager(_bondingManagerAddr);
    }

    /// @notice Starts a poll about a proposal
    function createPoll(bytes calldata _proposal) external {
        require(
            bondingManager.pendingStake(msg.sender, 0) >= POLL_CREATION_COST
                || bondingManager.transcoderTotalStake(msg.sender) >= POLL_CREATION_COST,
            "PollCreator#createPoll: INSUFFICIENT_STAKE"
        );
        uint256 endBlock = block.number + POLL_PERIOD;
        Poll poll = new Poll(endBlock);
        emit PollCreated(address(poll), _proposal, endBlock, QUORUM, QUOTA);
    }
}
