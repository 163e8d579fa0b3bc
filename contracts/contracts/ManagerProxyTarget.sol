// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Manager} from "./Manager.sol";

/// @title A contract that runs behind a ManagerProxy
/// @dev The first two slots are the proxy's own; everything else comes after them.
abstract contract ManagerProxyTarget is Manager {
    /// @notice The role under which the proxy finds its implementation
    bytes32 public targetContractId;
}
