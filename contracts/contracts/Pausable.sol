// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Ownable} from "./Ownable.sol";

/// @title A switch that its owner can turn off and on
contract Pausable is Ownable {
    /// @notice Whether the switch is off
    bool public paused;

    event Pause();
    event Unpause();

    modifier whenNotPaused() {
        require(!paused);
        _;
    }

    modifier whenPaused() {
        require(paused);
        _;
    }

    /// @notice Turns everything off that looks at the switch
    function pause() public onlyOwner whenNotPaused {
        paused = true;
        emit Pause();
    }

    /// @notice Turns it on again
    function unpause() public onlyOwner whenPaused {
        paused = false;
        emit Unpause();
    }
}
