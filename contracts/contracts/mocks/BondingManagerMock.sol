// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {GenericMock} from "./GenericMock.sol";

/// @title A BondingManager whose delegators and earnings pools are what a test stored
contract BondingManagerMock is GenericMock {
    struct EarningsPoolMock {
        uint256 totalStake;
        uint256 transcoderRewardCut;
        uint256 transcoderFeeShare;
        uint256 cumulativeRewardFactor;
        uint256 cumulativeFeeFactor;
    }

    struct DelegatorMock {
        uint256 bondedAmount;
        uint256 fees;
        address delegateAddress;
        uint256 delegatedAmount;
        uint256 startRound;
        uint256 lastClaimRound;
        uint256 nextUnbondingLockId;
    }

    mapping(address => mapping(uint256 => EarningsPoolMock)) private pools;
    mapping(address => DelegatorMock) private delegators;

    event UpdateTranscoderWithFees(address transcoder, uint256 fees, uint256 round);

    function updateTranscoderWithFees(address _transcoder, uint256 _fees, uint256 _round) external {
        emit UpdateTranscoderWithFees(_transcoder, _fees, _round);
    }

    function setMockTranscoderEarningsPoolForRound(
        address _transcoder,
        uint256 _round,
        uint256 _totalStake,
        uint256 _transcoderRewardCut,
        uint256 _transcoderFeeShare,
        uint256 _cumulativeRewardFactor,
        uint256 _cumulativeFeeFactor
    ) external {
        pools[_transcoder][_round] = EarningsPoolMock(
            _totalStake, _transcoderRewardCut, _transcoderFeeShare, _cumulativeRewardFactor, _cumulativeFeeFactor
        );
    }

    function setMockDelegator(
        address _delegator,
        uint256 _bondedAmount,
        uint256 _fees,
        address _delegateAddress,
        uint256 _delegatedAmount,
        uint256 _startRound,
        uint256 _lastClaimRound,
        uint256 _nextUnbondingLockId
    ) external {
        delegators[_delegator] = DelegatorMock(
            _bondedAmount,
            _fees,
            _delegateAddress,
            _delegatedAmount,
            _startRound,
            _lastClaimRound,
            _nextUnbondingLockId
        );
    }

    function getTranscoderEarningsPoolForRound(address _transcoder, uint256 _round)
        external
        view
        returns (
            uint256 totalStake,
            uint256 transcoderRewardCut,
            uint256 transcoderFeeShare,
            uint256 cumulativeRewardFactor,
            uint256 cumulativeFeeFactor
        )
    {
        EarningsPoolMock storage pool = pools[_transcoder][_round];
        totalStake = pool.totalStake;
        transcoderRewardCut = pool.transcoderRewardCut;
        transcoderFeeShare = pool.transcoderFeeShare;
        cumulativeRewardFactor = pool.cumulativeRewardFactor;
        cumulativeFeeFactor = pool.cumulativeFeeFactor;
    }

    function getDelegator(address _delegator)
        external
        view
        returns (
            uint256 bondedAmount,
            uint256 fees,
            address delegateAddress,
            uint256 delegatedAmount,
            uint256 startRound,
            uint256 lastClaimRound,
            uint256 nextUnbondingLockId
        )
    {
        DelegatorMock storage del = delegators[_delegator];
        bondedAmount = del.bondedAmount;
        fees = del.fees;
        delegateAddress = del.delegateAddress;
        delegatedAmount = del.delegatedAmount;
        startRound = del.startRound;
        lastClaimRound = del.lastClaimRound;
        nextUnbondingLockId = del.nextUnbondingLockId;
    }
}
