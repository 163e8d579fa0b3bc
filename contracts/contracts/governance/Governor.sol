// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Stages changes of the protocol and executes them when their time has come
contract Governor {
    struct Update {
        address[] target;
        uint256[] value;
        bytes[] data;
        uint256 nonce;
    }

    /// @notice Who may stage and cancel
    address public owner;

    /// @notice The block from which a staged change may be executed, by its hash
    mapping(bytes32 => uint256) public updates;

    event UpdateStaged(Update update, uint256 delay);
    event UpdateExecuted(Update update);
    event UpdateCancelled(Update update);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    modifier onlyThis() {
        require(msg.sender == address(this), "unauthorized: msg.sender not Governor");
        _;
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "unauthorized: msg.sender not owner");
        _;
    }

    constructor() {
        owner = msg.sender;
        emit OwnershipTransferred(address(0), msg.sender);
    }

    /// @notice Passes the Governor on; only a change of its own can
    function transferOwnership(address newOwner) public onlyThis {
        require(newOwner != address(0), "newOwner is a null address");
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    /// @notice Stages a change, to be executed from `_delay` blocks on
    function stage(Update memory _update, uint256 _delay) public onlyOwner {
        bytes32 updateHash = keccak256(abi.encode(_update));
        require(updates[updateHash] == 0, "update already staged");
        updates[updateHash] = block.number + _delay;
        emit UpdateStaged(_update, _delay);
    }

    /// @notice Executes a staged change; anybody may
    function execute(Update memory _update) public payable {
        bytes32 updateHash = keccak256(abi.encode(_update));
        uint256 executeBlock = updates[updateHash];
        require(executeBlock != 0, "update is not staged");
        require(block.number >= executeBlock, "delay for update not expired");
        // Forgotten first, so that a call from inside cannot execute it again.
        delete updates[updateHash];
        for (uint256 i = 0; i < _update.target.length; i++) {
            (bool success, bytes memory returnData) =
                _update.target[i].call{value: _update.value[i]}(_update.data[i]);
            // Clients know the reason as what the target returned, whole.
            require(success, string(returnData));
        }
        emit UpdateExecuted(_update);
    }

    /// @notice Takes a staged change back
    function cancel(Update memory _update) public onlyOwner {
        bytes32 updateHash = keccak256(abi.encode(_update));
        require(updates[updateHash] != 0, "update is not staged");
        delete updates[updateHash];
        emit UpdateCancelled(_update);
    }
}
