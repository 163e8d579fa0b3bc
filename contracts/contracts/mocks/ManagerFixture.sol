// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Manager} from "../Manager.sol";

/// @title A Manager with a question that only a paused system answers
contract ManagerFixture is Manager {
    constructor(address _controller) Manager(_controller) {}

    function checkSchrodingerCat() external view whenSystemPaused returns (string memory) {
        return "alive";
    }
}
