// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Manager} from "./Manager.sol";
import {ManagerProxyTarget} from "./ManagerProxyTarget.sol";

/// @title Where orchestrators can be reached
contract ServiceRegistry is ManagerProxyTarget {
    struct Record {
        string serviceURI;
    }

    mapping(address => Record) private records;

    event ServiceURIUpdate(address indexed addr, string serviceURI);

    constructor(address _controller) Manager(_controller) {}

    /// @notice Says where the caller can be reached
    function setServiceURI(string calldata _serviceURI) external {
        records[msg.sender].serviceURI = _serviceURI;
        emit ServiceURIUpdate(msg.sender, _serviceURI);
    }

    /// @notice Where an account can be reached, empty where it never said
    function getServiceURI(address _addr) external view returns (string memory) {
        return records[_addr].serviceURI;
    }
}
