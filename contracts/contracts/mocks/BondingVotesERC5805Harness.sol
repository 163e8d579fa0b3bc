// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {BondingVotes} from "../bonding/BondingVotes.sol";

/// @title BondingVotes whose two historical readers are formulas, to show that everything else asks them
contract BondingVotesERC5805Harness is BondingVotes {
    constructor(address _controller) BondingVotes(_controller) {}

    function getVotesAndDelegateAtRoundStart(address _account, uint256 _round)
        public
        pure
        override
        returns (uint256 votes, address delegateAddress)
    {
        votes = uint256(uint32(uint160(_account))) + _round;
        delegateAddress = address((uint160(_account) << 4) | uint160(_round));
    }

    function getTotalActiveStakeAt(uint256 _round) public pure override returns (uint256) {
        return 4 * _round;
    }
}
