// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title An owner, who may pass the role on
/// @notice Refusals carry no reason: clients of the network know them that way.
contract Ownable {
    /// @notice Who owns the contract
    address public owner;

    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    modifier onlyOwner() {
        require(msg.sender == owner);
        _;
    }

    constructor() {
        owner = msg.sender;
    }

    /// @notice Passes the contract on to `newOwner`
    function transferOwnership(address newOwner) public onlyOwner {
        require(newOwner != address(0));
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }
}
