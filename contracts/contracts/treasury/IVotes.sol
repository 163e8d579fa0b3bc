// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IERC5805Upgradeable} from "@openzeppelin/contracts-upgradeable/interfaces/IERC5805Upgradeable.sol";

/// @title Votes that a delegator may take back from whom it delegated to
interface IVotes is IERC5805Upgradeable {
    /// @notice All votes of now
    function totalSupply() external view returns (uint256);

    /// @notice To whom an account delegated at a time
    function delegatedAt(address account, uint256 timepoint) external returns (address);

    function name() external view returns (string memory);

    function symbol() external view returns (string memory);

    function decimals() external view returns (uint8);
}
