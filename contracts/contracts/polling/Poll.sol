// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title A poll: votes are events, counted by whoever reads them
contract Poll {
    /// @notice The last block in which votes are taken
    uint256 public endBlock;

    event Vote(address indexed voter, uint256 choiceID);

    modifier isActive() {
        require(block.number <= endBlock, "poll is over");
        _;
    }

    constructor(uint256 _endBlock) {
        endBlock = _endBlock;
    }

    /// @notice Votes; the last vote of an account counts
    function vote(uint256 _choiceID) external isActive {
        emit Vote(msg.sender, _choiceID);
    }

    /// @notice Removes the poll when it is over
    function destroy() external {
        require(block.number > endBlock, "poll is active");
        selfdestruct(payable(msg.sender));
    }
}
