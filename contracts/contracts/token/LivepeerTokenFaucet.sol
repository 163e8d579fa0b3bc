// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Ownable} from "../Ownable.sol";
import {ILivepeerToken} from "./ILivepeerToken.sol";

/// @title Free LPT on test networks, now and then
contract LivepeerTokenFaucet is Ownable {
    /// @notice What is given away
    ILivepeerToken public token;

    /// @notice For one request
    uint256 public requestAmount;

    /// @notice Hours between two requests of an account
    uint256 public requestWait;

    /// @notice When an account may ask again
    mapping(address => uint256) public nextValidRequest;

    /// @notice Who may ask at any time
    mapping(address => bool) public isWhitelisted;

    event Request(address indexed to, uint256 amount);

    modifier validRequest() {
        require(isWhitelisted[msg.sender] || block.timestamp >= nextValidRequest[msg.sender]);
        _;
    }

    constructor(address _token, uint256 _requestAmount, uint256 _requestWait) {
        token = ILivepeerToken(_token);
        requestAmount = _requestAmount;
        requestWait = _requestWait;
    }

    /// @notice Lets an account ask at any time
    function addToWhitelist(address _addr) external onlyOwner {
        isWhitelisted[_addr] = true;
    }

    /// @notice Lets an account ask now and then only
    function removeFromWhitelist(address _addr) external onlyOwner {
        isWhitelisted[_addr] = false;
    }

    /// @notice Gives the caller tokens
    function request() external validRequest {
        if (!isWhitelisted[msg.sender]) {
            nextValidRequest[msg.sender] = block.timestamp + requestWait * 1 hours;
        }
        emit Request(msg.sender, requestAmount);
        token.transfer(msg.sender, requestAmount);
    }
}
