// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Manager} from "../Manager.sol";
import {ManagerProxyTarget} from "../ManagerProxyTarget.sol";
import {IBondingManager} from "../bonding/IBondingManager.sol";
import {IRoundsManager} from "../rounds/IRoundsManager.sol";
import {IMinter} from "../token/IMinter.sol";
import {ITicketBroker} from "./ITicketBroker.sol";

/// @title Deposits, reserves, and winning tickets that are paid out of them
/// @notice It holds no ether: what comes in goes to the Minter at once, and a ticket paid here is a
/// fee that its recipient's stakers withdraw from there.
contract TicketBroker is ManagerProxyTarget, ITicketBroker {
    /// @dev What an account has: a slot for the deposit, of which most tickets are paid, and one for the reserve.
    /// Ether fits 96 bits many times over.
    struct Account {
        uint96 deposit;
        uint64 withdrawRound;
        Reserve reserve;
    }

    /// @dev What is left, and what all claimed in a round; of another round that counts as nothing
    struct Reserve {
        uint96 funds;
        uint96 claimed;
        uint64 claimedRound;
    }

    /// @dev What one claimed in a round
    struct Claimed {
        uint96 amount;
        uint64 round;
    }

    bytes32 private constant BONDING_MANAGER = keccak256("BondingManager");
    bytes32 private constant ROUNDS_MANAGER = keccak256("RoundsManager");
    bytes32 private constant MINTER = keccak256("Minter");

    /// @dev auxData is the creation round and its block hash
    uint256 private constant AUX_DATA_LENGTH = 64;

    /// @dev Beside the Controller: every ticket reads both
    uint96 private validityPeriod;

    mapping(address => Account) private accounts;

    /// @dev Of a reserve, by one
    mapping(address => mapping(address => Claimed)) private claimedByOne;

    /// @notice Tickets that were paid, by their hash
    mapping(bytes32 => bool) public usedTickets;

    /// @notice Rounds between unlock and withdrawal
    uint256 public unlockPeriod;

    constructor(address _controller) Manager(_controller) {}

    /// @notice Sets the rounds between unlock and withdrawal
    function setUnlockPeriod(uint256 _unlockPeriod) external onlyControllerOwner {
        unlockPeriod = _unlockPeriod;
        emit ParameterUpdate("unlockPeriod");
    }

    /// @notice Sets the rounds in which a ticket can be redeemed
    function setTicketValidityPeriod(uint256 _ticketValidityPeriod) external onlyControllerOwner {
        require(_ticketValidityPeriod > 0, "ticketValidityPeriod must be greater than 0");
        validityPeriod = _toUint96(_ticketValidityPeriod);
        emit ParameterUpdate("ticketValidityPeriod");
    }

    /// @inheritdoc ITicketBroker
    function fundDeposit() external payable whenSystemNotPaused {
        Account storage account = accounts[msg.sender];
        account.deposit += _toUint96(msg.value);
        _cancelOwnUnlock(account);
        _forward(msg.value);
        emit DepositFunded(msg.sender, msg.value);
    }

    /// @inheritdoc ITicketBroker
    function fundReserve() external payable whenSystemNotPaused {
        Account storage account = accounts[msg.sender];
        account.reserve.funds += _toUint96(msg.value);
        emit ReserveFunded(msg.sender, msg.value);
        _cancelOwnUnlock(account);
        _forward(msg.value);
    }

    /// @inheritdoc ITicketBroker
    function fundDepositAndReserve(uint256 _depositAmount, uint256 _reserveAmount)
        external
        payable
        whenSystemNotPaused
    {
        _fund(msg.sender, _depositAmount, _reserveAmount);
    }

    /// @inheritdoc ITicketBroker
    function fundDepositAndReserveFor(address _addr, uint256 _depositAmount, uint256 _reserveAmount)
        external
        payable
        whenSystemNotPaused
    {
        _fund(_addr, _depositAmount, _reserveAmount);
    }

    /// @inheritdoc ITicketBroker
    function redeemWinningTicket(Ticket calldata _ticket, bytes calldata _sig, uint256 _recipientRand)
        external
        whenSystemNotPaused
    {
        (IRoundsManager roundsManager, uint256 currentRound) = _initializedRound();
        _redeem(_ticket, _sig, _recipientRand, roundsManager, currentRound);
    }

    /// @inheritdoc ITicketBroker
    function batchRedeemWinningTickets(
        Ticket[] calldata _tickets,
        bytes[] calldata _sigs,
        uint256[] calldata _recipientRands
    ) external whenSystemNotPaused {
        (IRoundsManager roundsManager, uint256 currentRound) = _initializedRound();
        for (uint256 i = 0; i < _tickets.length; i++) {
            // A call of its own, so that whatever fails undoes this ticket and no other.
            try this.redeemTicketOfBatch(_tickets[i], _sigs[i], _recipientRands[i], roundsManager, currentRound) {}
            catch {}
        }
    }

    /// @notice One ticket of a batch, which has looked at the switch and the round
    function redeemTicketOfBatch(
        Ticket calldata _ticket,
        bytes calldata _sig,
        uint256 _recipientRand,
        IRoundsManager _rounds,
        uint256 _currentRound
    ) external {
        require(msg.sender == address(this), "caller must be a batch");
        _redeem(_ticket, _sig, _recipientRand, _rounds, _currentRound);
    }

    /// @inheritdoc ITicketBroker
    function unlock() external whenSystemNotPaused {
        Account storage account = accounts[msg.sender];
        require(_hasFunds(account), "sender deposit and reserve are zero");
        require(account.withdrawRound == 0, "unlock already initiated");

        uint256 currentRound = _roundsManager().currentRound();
        uint256 withdrawRound = currentRound + unlockPeriod;
        require(withdrawRound <= type(uint64).max, "unlockPeriod too long");
        account.withdrawRound = uint64(withdrawRound);
        emit Unlock(msg.sender, currentRound, withdrawRound);
    }

    /// @inheritdoc ITicketBroker
    function cancelUnlock() external whenSystemNotPaused {
        Account storage account = accounts[msg.sender];
        require(account.withdrawRound > 0, "no unlock request in progress");
        account.withdrawRound = 0;
        emit UnlockCancelled(msg.sender);
    }

    /// @inheritdoc ITicketBroker
    function withdraw() external whenSystemNotPaused {
        Account storage account = accounts[msg.sender];
        uint256 deposit = account.deposit;
        uint256 reserve = account.reserve.funds;
        require(deposit > 0 || reserve > 0, "sender deposit and reserve are zero");
        require(account.withdrawRound > 0, "no unlock request in progress");
        require(!_isLocked(account, _roundsManager().currentRound()), "account is locked");

        // The round of withdrawal stays, so that tickets of this account stay refused.
        account.deposit = 0;
        account.reserve.funds = 0;
        _minter().trustedWithdrawETH(payable(msg.sender), deposit + reserve);
        emit Withdrawal(msg.sender, deposit, reserve);
    }

    /// @notice Rounds in which a ticket can be redeemed, that of its creation included
    function ticketValidityPeriod() external view returns (uint256) {
        return validityPeriod;
    }

    /// @inheritdoc ITicketBroker
    function isUnlockInProgress(address _sender) external view returns (bool) {
        return accounts[_sender].withdrawRound > 0;
    }

    /// @inheritdoc ITicketBroker
    function getSenderInfo(address _sender)
        external
        view
        returns (Sender memory sender, ReserveInfo memory reserve)
    {
        Account storage account = accounts[_sender];
        sender = Sender(account.deposit, account.withdrawRound);
        reserve = getReserveInfo(_sender);
    }

    /// @inheritdoc ITicketBroker
    function getReserveInfo(address _reserveHolder) public view returns (ReserveInfo memory info) {
        Reserve storage reserve = accounts[_reserveHolder].reserve;
        info.fundsRemaining = reserve.funds;
        info.claimedInCurrentRound = _claimedByAll(reserve, _roundsManager().currentRound());
    }

    /// @inheritdoc ITicketBroker
    function claimableReserve(address _reserveHolder, address _claimant) external view returns (uint256) {
        return _claimable(_reserveHolder, _claimant, _bondingManager(), _roundsManager().currentRound());
    }

    /// @inheritdoc ITicketBroker
    function claimedReserve(address _reserveHolder, address _claimant) external view returns (uint256) {
        return _claimedByOne(claimedByOne[_reserveHolder][_claimant], _roundsManager().currentRound());
    }

    /// @notice What the sender of a ticket signs, as a personal message
    function getTicketHash(Ticket calldata _ticket) public pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                _ticket.recipient,
                _ticket.sender,
                _ticket.faceValue,
                _ticket.winProb,
                _ticket.senderNonce,
                _ticket.recipientRandHash,
                _ticket.auxData
            )
        );
    }

    /// @dev Whether the sender signed; the short form of a signature would give a second draw
    function isValidTicketSig(address _sender, bytes memory _sig, bytes32 _ticketHash)
        internal
        pure
        returns (bool)
    {
        require(_sig.length == 65, "INVALID_SIGNATURE_LENGTH");
        return ECDSA.recover(ECDSA.toEthSignedMessageHash(_ticketHash), _sig) == _sender;
    }

    /// @dev The draw: neither side chooses it, for neither knows both halves before
    function isWinningTicket(bytes memory _sig, uint256 _recipientRand, uint256 _winProb)
        internal
        pure
        returns (bool)
    {
        return uint256(keccak256(abi.encodePacked(_sig, _recipientRand))) < _winProb;
    }

    function _redeem(
        Ticket calldata _ticket,
        bytes calldata _sig,
        uint256 _recipientRand,
        IRoundsManager _rounds,
        uint256 _currentRound
    ) private {
        uint256 creationRound = _requireCurrent(_ticket, _rounds, _currentRound);
        bytes32 ticketHash = getTicketHash(_ticket);
        _requireWinner(_ticket, ticketHash, _sig, _recipientRand);
        Account storage account = accounts[_ticket.sender];
        require(_isLocked(account, _currentRound), "sender is unlocked");
        require(_hasFunds(account), "sender deposit and reserve are zero");

        // Marked before anything is paid, so that nothing called from here can bring it again.
        usedTickets[ticketHash] = true;
        IBondingManager bondingManager = _bondingManager();
        uint256 amount =
            _draw(account, _ticket.sender, _ticket.recipient, _ticket.faceValue, bondingManager, _currentRound);
        if (amount > 0) {
            bondingManager.updateTranscoderWithFees(_ticket.recipient, amount, creationRound);
            emit WinningTicketTransfer(_ticket.sender, _ticket.recipient, amount);
        }
        emit WinningTicketRedeemed(
            _ticket.sender,
            _ticket.recipient,
            _ticket.faceValue,
            _ticket.winProb,
            _ticket.senderNonce,
            _recipientRand,
            _ticket.auxData
        );
    }

    /// @dev Takes the face value from the deposit, then from the recipient's share of the reserve.
    /// Where both are short the ticket is paid in part, and is used up all the same.
    function _draw(
        Account storage _account,
        address _sender,
        address _recipient,
        uint256 _faceValue,
        IBondingManager _bonding,
        uint256 _currentRound
    ) internal virtual returns (uint256) {
        uint256 deposit = _account.deposit;
        if (_faceValue <= deposit) {
            _account.deposit = uint96(deposit - _faceValue);
            return _faceValue;
        }
        uint256 claimed =
            _claim(_account.reserve, _sender, _recipient, _faceValue - deposit, _bonding, _currentRound);
        _account.deposit = 0;
        return deposit + claimed;
    }

    /// @dev Claims as much as wanted of a reserve, at most what is the claimant's
    function _claim(
        Reserve storage _reserve,
        address _holder,
        address _claimant,
        uint256 _wanted,
        IBondingManager _bonding,
        uint256 _currentRound
    ) private returns (uint256 amount) {
        uint256 claimable = _claimable(_holder, _claimant, _bonding, _currentRound);
        amount = _wanted < claimable ? _wanted : claimable;
        if (amount > 0) {
            Claimed storage own = claimedByOne[_holder][_claimant];
            (own.amount, own.round) =
                (_toUint96(_claimedByOne(own, _currentRound) + amount), uint64(_currentRound));
            // A share is never more than what is left.
            (_reserve.funds, _reserve.claimed, _reserve.claimedRound) = (
                _reserve.funds - uint96(amount),
                _toUint96(_claimedByAll(_reserve, _currentRound) + amount),
                uint64(_currentRound)
            );
            emit ReserveClaimed(_holder, _claimant, amount);
        }
    }

    function _claimable(address _holder, address _claimant, IBondingManager _bonding, uint256 _currentRound)
        internal
        view
        returns (uint256)
    {
        if (!_bonding.isActiveTranscoder(_claimant)) {
            return 0;
        }
        uint256 poolSize = _bonding.getTranscoderPoolSize();
        if (poolSize == 0) {
            return 0;
        }
        // What the reserve was at the start of the round, funding since then included.
        Reserve storage reserve = accounts[_holder].reserve;
        uint256 total = reserve.funds + _claimedByAll(reserve, _currentRound);
        return total / poolSize - _claimedByOne(claimedByOne[_holder][_claimant], _currentRound);
    }

    function _claimedByAll(Reserve storage _reserve, uint256 _round) private view returns (uint256) {
        return _reserve.claimedRound == _round ? _reserve.claimed : 0;
    }

    function _claimedByOne(Claimed storage _claimed, uint256 _round) private view returns (uint256) {
        return _claimed.round == _round ? _claimed.amount : 0;
    }

    /// @dev The round, provided that it is initialized, and who counts it
    function _initializedRound() private view returns (IRoundsManager roundsManager, uint256 currentRound) {
        roundsManager = _roundsManager();
        require(roundsManager.currentRoundInitialized(), "current round is not initialized");
        currentRound = roundsManager.currentRound();
    }

    /// @dev Whether the ticket was drawn in a known round that has not expired
    function _requireCurrent(Ticket calldata _ticket, IRoundsManager _rounds, uint256 _currentRound)
        private
        view
        returns (uint256 creationRound)
    {
        require(_ticket.recipient != address(0), "ticket recipient is null address");
        require(_ticket.sender != address(0), "ticket sender is null address");
        require(
            _ticket.auxData.length == AUX_DATA_LENGTH,
            "invalid length for ticket auxData: must be 64 bytes"
        );
        bytes32 creationRoundBlockHash;
        (creationRound, creationRoundBlockHash) = abi.decode(_ticket.auxData, (uint256, bytes32));

        bytes32 blockHash = _rounds.blockHashForRound(creationRound);
        require(blockHash != bytes32(0), "ticket creationRound does not have a block hash");
        require(
            blockHash == creationRoundBlockHash, "ticket creationRoundBlockHash invalid for creationRound"
        );
        require(creationRound + validityPeriod > _currentRound, "ticket is expired");
    }

    /// @dev Whether the ticket is new, the sender's, and wins
    function _requireWinner(
        Ticket calldata _ticket,
        bytes32 _ticketHash,
        bytes memory _sig,
        uint256 _recipientRand
    ) private view {
        require(
            keccak256(abi.encodePacked(_recipientRand)) == _ticket.recipientRandHash,
            "recipientRand does not match recipientRandHash"
        );
        require(!usedTickets[_ticketHash], "ticket is used");
        require(
            isValidTicketSig(_ticket.sender, _sig, _ticketHash), "invalid signature over ticket hash"
        );
        require(isWinningTicket(_sig, _recipientRand, _ticket.winProb), "ticket did not win");
    }

    function _fund(address _addr, uint256 _depositAmount, uint256 _reserveAmount) private {
        require(
            msg.value == _depositAmount + _reserveAmount,
            "msg.value does not equal sum of deposit amount and reserve amount"
        );
        Account storage account = accounts[_addr];
        account.deposit += _toUint96(_depositAmount);
        // Nobody's intent is read from what others pay in.
        if (_addr == msg.sender) {
            _cancelOwnUnlock(account);
        }
        account.reserve.funds += _toUint96(_reserveAmount);
        emit ReserveFunded(_addr, _reserveAmount);
        _forward(msg.value);
        emit DepositFunded(_addr, _depositAmount);
    }

    function _cancelOwnUnlock(Account storage _account) private {
        if (_account.withdrawRound > 0) {
            _account.withdrawRound = 0;
            emit UnlockCancelled(msg.sender);
        }
    }

    function _forward(uint256 _amount) private {
        _minter().depositETH{value: _amount}();
    }

    function _hasFunds(Account storage _account) private view returns (bool) {
        return _account.deposit > 0 || _account.reserve.funds > 0;
    }

    function _isLocked(Account storage _account, uint256 _currentRound) private view returns (bool) {
        uint256 withdrawRound = _account.withdrawRound;
        return withdrawRound == 0 || _currentRound < withdrawRound;
    }

    function _toUint96(uint256 _value) private pure returns (uint96) {
        require(_value <= type(uint96).max, "amount does not fit 96 bits");
        return uint96(_value);
    }

    function _bondingManager() internal view returns (IBondingManager) {
        return IBondingManager(controller.getContract(BONDING_MANAGER));
    }

    function _roundsManager() internal view returns (IRoundsManager) {
        return IRoundsManager(controller.getContract(ROUNDS_MANAGER));
    }

    function _minter() internal view returns (IMinter) {
        return IMinter(controller.getContract(MINTER));
    }
}
