// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IController} from "./IController.sol";
import {IManager} from "./IManager.sol";

/// @title A contract that follows the Controller: its switch, its owner, its registry
contract Manager is IManager {
    /// @notice The registry of the protocol
    IController public controller;

    modifier onlyController() {
        require(msg.sender == address(controller), "caller must be Controller");
        _;
    }

    modifier onlyControllerOwner() {
        require(msg.sender == controller.owner(), "caller must be Controller owner");
        _;
    }

    modifier whenSystemNotPaused() {
        require(!controller.paused(), "system is paused");
        _;
    }

    modifier whenSystemPaused() {
        require(controller.paused(), "system is not paused");
        _;
    }

    constructor(address _controller) {
        controller = IController(_controller);
    }

    /// @inheritdoc IManager
    function setController(address _controller) external override onlyController {
        controller = IController(_controller);
        emit SetController(_controller);
    }
}
