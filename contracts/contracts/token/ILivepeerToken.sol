// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title The token that is staked
interface ILivepeerToken is IERC20 {
    /// @notice Makes tokens
    function mint(address _to, uint256 _amount) external;

    /// @notice Destroys tokens of the caller
    function burn(uint256 _amount) external;
}
