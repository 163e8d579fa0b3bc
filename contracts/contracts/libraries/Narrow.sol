// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Checked conversions to the widths that storage uses
/// @notice LPT amounts take 96 bits (7.9e28 wei, over a thousand times the supply), ETH amounts 88 bits (3.1e8
/// ether, over twice of what there is) or 128 and rounds 32 bits, so that what changes together shares a slot. A value that does not fit reverts.
library Narrow {
    function toLpt(uint256 _amount) internal pure returns (uint96) {
        require(_amount <= type(uint96).max, "LPT amount exceeds 96 bits");
        return uint96(_amount);
    }

    function toFees(uint256 _amount) internal pure returns (uint88) {
        require(_amount <= type(uint88).max, "fees exceed 88 bits");
        return uint88(_amount);
    }

    function toWei(uint256 _amount) internal pure returns (uint128) {
        require(_amount <= type(uint128).max, "amount exceeds 128 bits");
        return uint128(_amount);
    }

    function toRound(uint256 _round) internal pure returns (uint32) {
        require(_round <= type(uint32).max, "round exceeds 32 bits");
        return uint32(_round);
    }
}
