// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title What this chain knows of the token on the other one
interface IL2LPTDataCache {
    function l1CirculatingSupply() external view returns (uint256);
}
