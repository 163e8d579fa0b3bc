// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Records a call and says later whether it succeeds
contract RevertProxy {
    bytes private data;

    fallback() external {
        data = msg.data;
    }

    function execute(address _target) external returns (bool) {
        (bool ok,) = _target.call(data);
        return ok;
    }
}
