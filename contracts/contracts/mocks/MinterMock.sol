// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {GenericMock} from "./GenericMock.sol";

/// @title A Minter that says what it would pay and pays nothing
contract MinterMock is GenericMock {
    event TrustedWithdrawETH(address to, uint256 amount);
    event TrustedTransferTokens(address to, uint256 amount);

    function trustedWithdrawETH(address _to, uint256 _amount) external {
        emit TrustedWithdrawETH(_to, _amount);
    }

    function trustedTransferTokens(address _to, uint256 _amount) external {
        emit TrustedTransferTokens(_to, _amount);
    }
}
