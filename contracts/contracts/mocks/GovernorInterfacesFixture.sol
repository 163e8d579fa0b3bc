// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IGovernorUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/IGovernorUpgradeable.sol";
import {IGovernorTimelockUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/extensions/IGovernorTimelockUpgradeable.sol";
import {IERC6372Upgradeable} from "@openzeppelin/contracts-upgradeable/interfaces/IERC6372Upgradeable.sol";
import {IERC1155ReceiverUpgradeable} from
    "@openzeppelin/contracts-upgradeable/token/ERC1155/IERC1155ReceiverUpgradeable.sol";

/// @title The ids of the interfaces that a governor has
contract GovernorInterfacesFixture {
    function TimelockUpgradeableInterface() external pure returns (bytes4) {
        return type(IGovernorTimelockUpgradeable).interfaceId;
    }

    /// Governor 4.3, Governor 4.6, what 4.9 added to it, and a receiver of ERC-1155 tokens.
    function GovernorInterfaces() external pure returns (bytes4[] memory ids) {
        bytes4 added = IGovernorUpgradeable.cancel.selector ^ IGovernorUpgradeable.proposalProposer.selector;
        bytes4 withParams = IGovernorUpgradeable.castVoteWithReasonAndParams.selector
            ^ IGovernorUpgradeable.castVoteWithReasonAndParamsBySig.selector
            ^ IGovernorUpgradeable.getVotesWithParams.selector;
        bytes4 version46 = type(IGovernorUpgradeable).interfaceId ^ type(IERC6372Upgradeable).interfaceId ^ added;

        ids = new bytes4[](4);
        ids[0] = version46 ^ withParams;
        ids[1] = version46;
        ids[2] = added;
        ids[3] = type(IERC1155ReceiverUpgradeable).interfaceId;
    }
}
