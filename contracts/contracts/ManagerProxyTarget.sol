// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Manager} from "./Manager.sol";

/// @title A contract that runs behind a ManagerProxy
/// @dev The proxy's storage is all this contract's: the proxy itself keeps the Controller, which both read from the
/// first slot, and its role, which is part of its code. The other 12 bytes of that slot are the target's.
abstract contract ManagerProxyTarget is Manager {
    /// @notice The role of the proxy, which answers this itself; an implementation has none
    bytes32 public constant targetContractId = bytes32(0);
}
