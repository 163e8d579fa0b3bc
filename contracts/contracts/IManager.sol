// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title What every registered contract has in common
interface IManager {
    event SetController(address controller);
    event ParameterUpdate(string param);

    /// @notice Follows another Controller; only the present one may say so
    function setController(address _controller) external;
}
