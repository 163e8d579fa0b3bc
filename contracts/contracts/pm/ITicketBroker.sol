// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Deposits, reserves, and winning tickets that are paid out of them
interface ITicketBroker {
    /// @notice A lottery ticket as its sender signs it
    struct Ticket {
        // Who is paid
        address recipient;
        // Who pays, and signs
        address sender;
        // What it pays when it wins, in wei
        uint256 faceValue;
        // The chance that it wins, of 2^256 - 1
        uint256 winProb;
        // Counts the sender's tickets for one secret of the recipient
        uint256 senderNonce;
        // The hash of the recipient's secret
        bytes32 recipientRandHash;
        // The round it was made in and that round's block hash, 64 bytes
        bytes auxData;
    }

    struct Sender {
        uint256 deposit;
        // The round in which it may withdraw; zero while locked
        uint256 withdrawRound;
    }

    struct ReserveInfo {
        uint256 fundsRemaining;
        uint256 claimedInCurrentRound;
    }

    event DepositFunded(address indexed sender, uint256 amount);
    event ReserveFunded(address indexed reserveHolder, uint256 amount);
    event ReserveClaimed(address indexed reserveHolder, address claimant, uint256 amount);
    event WinningTicketRedeemed(
        address indexed sender,
        address indexed recipient,
        uint256 faceValue,
        uint256 winProb,
        uint256 senderNonce,
        uint256 recipientRand,
        bytes auxData
    );
    event WinningTicketTransfer(address indexed sender, address indexed recipient, uint256 amount);
    event Unlock(address indexed sender, uint256 startRound, uint256 endRound);
    event UnlockCancelled(address indexed sender);
    event Withdrawal(address indexed sender, uint256 deposit, uint256 reserve);

    /// @notice Adds the value sent to the caller's deposit, which pays tickets first come first served
    function fundDeposit() external payable;

    /// @notice Adds the value sent to the caller's reserve, of which each active orchestrator has a share
    function fundReserve() external payable;

    /// @notice Adds to the caller's deposit and reserve; the value sent is the sum
    function fundDepositAndReserve(uint256 _depositAmount, uint256 _reserveAmount) external payable;

    /// @notice Adds to somebody's deposit and reserve; the value sent is the sum
    function fundDepositAndReserveFor(address _addr, uint256 _depositAmount, uint256 _reserveAmount)
        external
        payable;

    /// @notice Pays a winning ticket; anybody may bring it
    function redeemWinningTicket(Ticket calldata _ticket, bytes calldata _sig, uint256 _recipientRand) external;

    /// @notice Pays winning tickets; one that is not good costs the others nothing
    function batchRedeemWinningTickets(
        Ticket[] calldata _tickets,
        bytes[] calldata _sigs,
        uint256[] calldata _recipientRands
    ) external;

    /// @notice Starts the time after which the caller may withdraw
    function unlock() external;

    /// @notice Takes an unlock back
    function cancelUnlock() external;

    /// @notice Takes deposit and reserve out
    function withdraw() external;

    /// @notice Whether an account waits to withdraw
    function isUnlockInProgress(address _sender) external view returns (bool);

    /// @notice What an account has, and what of its reserve was claimed in this round
    function getSenderInfo(address _sender)
        external
        view
        returns (Sender memory sender, ReserveInfo memory reserve);

    /// @notice What is left of a reserve, and what was claimed of it in this round
    function getReserveInfo(address _reserveHolder) external view returns (ReserveInfo memory info);

    /// @notice What a claimant can still claim of a reserve in this round
    function claimableReserve(address _reserveHolder, address _claimant) external view returns (uint256);

    /// @notice What a claimant claimed of a reserve in this round
    function claimedReserve(address _reserveHolder, address _claimant) external view returns (uint256);
}
