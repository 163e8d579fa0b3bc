// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts-upgradeable/proxy/utils/Initializable.sol";
import {ERC20Upgradeable} from "@openzeppelin/contracts-upgradeable/token/ERC20/ERC20Upgradeable.sol";
import {ERC20VotesUpgradeable} from
    "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20VotesUpgradeable.sol";
import {IVotesUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/utils/IVotesUpgradeable.sol";

import {IVotes} from "../treasury/GovernorCountingOverridable.sol";

/// @title A token with votes in which, as with stake, a delegator keeps the votes of its own balance
contract VotesMock is Initializable, OwnableUpgradeable, ERC20VotesUpgradeable, IVotes {

    function initialize() external initializer {
        __Ownable_init();
        __ERC20_init("VotesMock", "VTCK");
        __ERC20Permit_init("VotesMock");
        __ERC20Votes_init();
    }

    function mint(address _to, uint256 _amount) external onlyOwner {
        _mint(_to, _amount);
    }

    /// The present delegate, whatever time is asked for.
    function delegatedAt(address _account, uint256) external view returns (address) {
        return delegates(_account);
    }

    function getVotes(address _account)
        public
        view
        override(ERC20VotesUpgradeable, IVotesUpgradeable)
        returns (uint256)
    {
        return delegates(_account) == _account ? super.getVotes(_account) : balanceOf(_account);
    }

    function getPastVotes(address _account, uint256 _timepoint)
        public
        view
        override(ERC20VotesUpgradeable, IVotesUpgradeable)
        returns (uint256)
    {
        return
            delegates(_account) == _account ? super.getPastVotes(_account, _timepoint) : balanceOf(_account);
    }

    function totalSupply() public view override(IVotes, ERC20Upgradeable) returns (uint256) {
        return super.totalSupply();
    }

    function name() public view override(IVotes, ERC20Upgradeable) returns (string memory) {
        return super.name();
    }

    function symbol() public view override(IVotes, ERC20Upgradeable) returns (string memory) {
        return super.symbol();
    }

    function decimals() public view override(IVotes, ERC20Upgradeable) returns (uint8) {
        return super.decimals();
    }
}
