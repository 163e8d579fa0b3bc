// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IBondingManager} from "../bonding/IBondingManager.sol";
import {TicketBroker} from "./TicketBroker.sol";

/// @title A TicketBroker that pays a ticket whole or not at all, and active orchestrators only
/// @notice A ticket that is refused is not used up: it can be brought again when the sender has paid in. Networks of
/// both kinds exist; which of the two contracts is registered as `TicketBrokerTarget` decides.
contract AllOrNothingTicketBroker is TicketBroker {
    constructor(address _controller) TicketBroker(_controller) {}

    /// @inheritdoc TicketBroker
    function _draw(
        Account storage _account,
        address _sender,
        address _recipient,
        uint256 _faceValue,
        IBondingManager _bonding,
        uint256 _currentRound
    ) internal override returns (uint256 amount) {
        require(_bonding.isActiveTranscoder(_recipient), "ticket recipient is not an active transcoder");
        amount = super._draw(_account, _sender, _recipient, _faceValue, _bonding, _currentRound);
        require(amount == _faceValue, "sender deposit and reserve do not cover the face value");
    }
}
