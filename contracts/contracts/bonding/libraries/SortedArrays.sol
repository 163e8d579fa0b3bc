// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Ascending arrays of distinct numbers
library SortedArrays {
    error DecreasingValues(uint256 newValue, uint256 lastValue);

    /// Index of the last element not above `_val`; the length if all are above it; zero in an empty array.
    function findLowerBound(uint256[] storage _array, uint256 _val) internal view returns (uint256) {
        uint256 length = _array.length;
        if (length == 0) return 0;
        if (_array[length - 1] <= _val) return length - 1; // most look-ups ask for the present

        (uint256 low, uint256 high) = (0, length - 1); // elements before low are <= _val, from high on above it
        while (low < high) {
            uint256 mid = (low + high) / 2;
            if (_array[mid] <= _val) low = mid + 1;
            else high = mid;
        }
        return low == 0 ? length : low - 1;
    }

    /// Appends `_val` unless it is the last element already; a smaller value reverts.
    function pushSorted(uint256[] storage _array, uint256 _val) internal {
        uint256 length = _array.length;
        if (length > 0) {
            uint256 last = _array[length - 1];
            if (_val == last) return;
            if (_val < last) revert DecreasingValues(_val, last);
        }
        _array.push(_val);
    }
}
