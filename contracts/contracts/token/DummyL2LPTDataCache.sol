// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IL2LPTDataCache} from "./IL2LPTDataCache.sol";

/// @title Stands where there is no other layer: no LPT is there
contract DummyL2LPTDataCache is IL2LPTDataCache {
    /// @inheritdoc IL2LPTDataCache
    function l1CirculatingSupply() external pure override returns (uint256) {
        return 0;
    }
}
