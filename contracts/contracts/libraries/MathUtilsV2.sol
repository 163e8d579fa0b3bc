// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Shares in parts per billion
/// @notice Shares expressed as parts of a billion: inflation and bonding rate of the Minter. Divisions round down.
library MathUtils {
    /// The value that stands for 100 %.
    uint256 public constant PERC_DIVISOR = 1000000000;

    /// Whether `_amount` is at most 100 %.
    function validPerc(uint256 _amount) internal pure returns (bool) {
        return _amount <= PERC_DIVISOR;
    }

    /// `_amount` times a fraction, rounded down twice: the fraction becomes a share first (see `percPoints`).
    /// One full-precision division would give other results, and claims compare to the unit.
    function percOf(uint256 _amount, uint256 _fracNum, uint256 _fracDenom) internal pure returns (uint256) {
        return percOf(_amount, percPoints(_fracNum, _fracDenom));
    }

    /// `_amount` times the share `_perc`, rounded down.
    function percOf(uint256 _amount, uint256 _perc) internal pure returns (uint256) {
        return (_amount * _perc) / PERC_DIVISOR;
    }

    /// The fraction as a share, rounded down.
    function percPoints(uint256 _fracNum, uint256 _fracDenom) internal pure returns (uint256) {
        return (_fracNum * PERC_DIVISOR) / _fracDenom;
    }
}
