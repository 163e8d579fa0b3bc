// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IBroker, Network} from "./Network.sol";

/// Winning tickets of one sender, and the record of what was measured.
abstract contract Tickets is Network {
    uint256 private constant SENDER_KEY = uint256(keccak256("sender"));
    uint256 private nonce;

    /// Leaves the network as it found it.
    modifier fresh() {
        uint256 before = vm.snapshotState();
        _;
        vm.revertToState(before);
    }

    function record(string memory name, uint256 gas) internal returns (string memory json) {
        return vm.serializeUint("gas", name, gas);
    }

    function fund(uint256 deposit, uint256 reserve) internal returns (uint256 gas) {
        bytes memory data = abi.encodeCall(broker.fundDepositAndReserve, (deposit, reserve));
        return send(vm.addr(SENDER_KEY), address(broker), deposit + reserve, data);
    }

    function redeem(address recipient, uint256 faceValue) internal returns (uint256 gas) {
        (IBroker.Ticket memory ticket, bytes memory sig, uint256 rand) = newTicket(recipient, faceValue);
        bytes memory data = abi.encodeCall(broker.redeemWinningTicket, (ticket, sig, rand));
        return send(recipient, address(broker), 0, data);
    }

    function redeemBatch(address recipient, uint256 faceValue, uint256 count) internal returns (uint256 gas) {
        IBroker.Ticket[] memory tickets = new IBroker.Ticket[](count);
        bytes[] memory sigs = new bytes[](count);
        uint256[] memory rands = new uint256[](count);
        for (uint256 i = 0; i < count; i++) (tickets[i], sigs[i], rands[i]) = newTicket(recipient, faceValue);

        bytes memory data = abi.encodeCall(broker.batchRedeemWinningTickets, (tickets, sigs, rands));
        gas = send(recipient, address(broker), 0, data);
        for (uint256 i = 0; i < count; i++) {
            require(broker.usedTickets(broker.getTicketHash(tickets[i])), "a ticket of the batch was not paid");
        }
    }

    /// Of the last round, which the sender knows when it signs; all but certain to win.
    function newTicket(address recipient, uint256 faceValue)
        private
        returns (IBroker.Ticket memory ticket, bytes memory sig, uint256 rand)
    {
        uint256 round = rounds.currentRound() - 1;
        nonce++;
        rand = uint256(keccak256(abi.encode("rand", nonce)));
        ticket = IBroker.Ticket({
            recipient: recipient,
            sender: vm.addr(SENDER_KEY),
            faceValue: faceValue,
            winProb: type(uint256).max,
            senderNonce: nonce,
            recipientRandHash: keccak256(abi.encodePacked(rand)),
            auxData: abi.encode(round, rounds.blockHashForRound(round))
        });
        bytes32 hash = broker.getTicketHash(ticket);
        bytes32 signed = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", hash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SENDER_KEY, signed);
        sig = abi.encodePacked(r, s, v);
    }
}
