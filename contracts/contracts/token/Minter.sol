// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IBondingManager} from "../bonding/IBondingManager.sol";
import {IController} from "../IController.sol";
import {MathUtils} from "../libraries/MathUtilsV2.sol";
import {Manager} from "../Manager.sol";
import {IL2LPTDataCache} from "./IL2LPTDataCache.sol";
import {ILivepeerToken} from "./ILivepeerToken.sol";
import {IMinter} from "./IMinter.sol";

/// @title Minter
/// @notice Issues the tokens of each round and holds all bonded LPT and all ETH of the protocol.
/// @dev Rates are parts per 10^9, here and nowhere else. Token return values are not looked at: the token reverts.
contract Minter is Manager, IMinter {
    // Shares the slot of Manager's controller: set by governance, read once a round.
    uint32 private targetRate;
    uint32 private inflationStep;

    // The round's account in one slot, rewritten by every reward.
    uint96 private mintable;
    uint96 private minted;
    uint64 private rate;

    modifier onlyBondingManager() {
        require(msg.sender == _registered(keccak256("BondingManager")), "msg.sender not BondingManager");
        _;
    }

    modifier onlyRoundsManager() {
        require(msg.sender == _registered(keccak256("RoundsManager")), "msg.sender not RoundsManager");
        _;
    }

    modifier onlyBondingManagerOrJobsManager() {
        require(
            msg.sender == _registered(keccak256("BondingManager"))
                || msg.sender == _registered(keccak256("JobsManager")),
            "msg.sender not BondingManager or JobsManager"
        );
        _;
    }

    modifier onlyMinterOrJobsManager() {
        require(
            msg.sender == _registered(keccak256("JobsManager")) || msg.sender == _registered(keccak256("Minter")),
            "msg.sender not Minter or JobsManager"
        );
        _;
    }

    constructor(address _controller, uint256 _inflation, uint256 _inflationChange, uint256 _targetBondingRate)
        Manager(_controller)
    {
        require(MathUtils.validPerc(_inflation), "_inflation is invalid percentage");
        require(MathUtils.validPerc(_inflationChange), "_inflationChange is invalid percentage");
        require(MathUtils.validPerc(_targetBondingRate), "_targetBondingRate is invalid percentage");

        rate = uint64(_inflation);
        inflationStep = uint32(_inflationChange);
        targetRate = uint32(_targetBondingRate);
    }

    /// Sets the bonding rate towards which inflation steers.
    function setTargetBondingRate(uint256 _targetBondingRate) external onlyControllerOwner {
        require(MathUtils.validPerc(_targetBondingRate), "_targetBondingRate is invalid percentage");
        targetRate = uint32(_targetBondingRate);
        emit ParameterUpdate("targetBondingRate");
    }

    /// Sets by how much inflation moves in a round.
    function setInflationChange(uint256 _inflationChange) external onlyControllerOwner {
        require(MathUtils.validPerc(_inflationChange), "_inflationChange is invalid percentage");
        inflationStep = uint32(_inflationChange);
        emit ParameterUpdate("inflationChange");
    }

    /// Hands all LPT and ETH to a new Minter under the same Controller. This one must still be the registered one.
    function migrateToNewMinter(IMinter _newMinter) external onlyControllerOwner {
        require(address(_newMinter) != address(this), "new Minter cannot be current Minter");
        require(address(_newMinter) != address(0), "new Minter cannot be null address");
        IController newController = _newMinter.getController();
        require(newController == controller, "new Minter Controller must be current Controller");
        require(newController.getContract(keccak256("Minter")) == address(this), "new Minter must be registered");

        ILivepeerToken token = _token();
        token.transfer(address(_newMinter), token.balanceOf(address(this)));
        _newMinter.depositETH{value: address(this).balance}();
    }

    /// @inheritdoc IMinter
    function createReward(uint256 _fracNum, uint256 _fracDenom)
        external
        onlyBondingManager
        whenSystemNotPaused
        returns (uint256)
    {
        uint256 limit = mintable;
        uint256 amount = MathUtils.percOf(limit, _fracNum, _fracDenom);
        uint256 total = minted + amount;
        require(total <= limit, "minted tokens cannot exceed mintable tokens");

        minted = uint96(total); // at most limit, which has 96 bits
        _token().mint(address(this), amount);
        return amount;
    }

    /// @inheritdoc IMinter
    function trustedTransferTokens(address _to, uint256 _amount) external onlyBondingManager whenSystemNotPaused {
        _token().transfer(_to, _amount);
    }

    /// @inheritdoc IMinter
    function trustedBurnTokens(uint256 _amount) external onlyBondingManager whenSystemNotPaused {
        _token().burn(_amount);
    }

    /// @inheritdoc IMinter
    /// @dev `transfer` forwards 2300 gas only, so the receiver cannot call back.
    function trustedWithdrawETH(address payable _to, uint256 _amount)
        external
        onlyBondingManagerOrJobsManager
        whenSystemNotPaused
    {
        _to.transfer(_amount);
    }

    /// @inheritdoc IMinter
    function depositETH() external payable onlyMinterOrJobsManager returns (bool) {
        return true;
    }

    /// @inheritdoc IMinter
    function setCurrentRewardTokens() external onlyRoundsManager whenSystemNotPaused {
        uint256 supply = getGlobalTotalSupply();
        uint256 newInflation = _nextInflation(supply);
        uint256 newMintable = MathUtils.percOf(supply, newInflation);
        require(newMintable <= type(uint96).max, "mintable tokens exceed 96 bits");
        require(newInflation <= type(uint64).max, "inflation exceeds 64 bits");

        (mintable, minted, rate) = (uint96(newMintable), 0, uint64(newInflation));
        emit SetCurrentRewardTokens(newMintable, newInflation);
    }

    /// Share of the global supply that is minted in a round.
    function inflation() external view returns (uint256) {
        return rate;
    }

    function inflationChange() external view returns (uint256) {
        return inflationStep;
    }

    function targetBondingRate() external view returns (uint256) {
        return targetRate;
    }

    /// @inheritdoc IMinter
    function currentMintableTokens() external view returns (uint256) {
        return mintable;
    }

    /// @inheritdoc IMinter
    function currentMintedTokens() external view returns (uint256) {
        return minted;
    }

    /// @inheritdoc IMinter
    function getController() external view returns (IController) {
        return controller;
    }

    /// LPT on this chain and the other one.
    function getGlobalTotalSupply() public view returns (uint256) {
        IL2LPTDataCache cache = IL2LPTDataCache(_registered(keccak256("L2LPTDataCache")));
        return _token().totalSupply() + cache.l1CirculatingSupply();
    }

    /// One step towards the target bonding rate. It stops at zero and has no upper limit.
    function _nextInflation(uint256 _supply) private view returns (uint256) {
        (uint256 current, uint256 step, uint256 target) = (rate, inflationStep, targetRate);
        uint256 bonded = IBondingManager(_registered(keccak256("BondingManager"))).getTotalBonded();
        uint256 bondingRate = _supply == 0 ? 0 : MathUtils.percPoints(bonded, _supply);

        if (bondingRate < target) return current + step;
        if (bondingRate > target) return step > current ? 0 : current - step;
        return current;
    }

    function _token() private view returns (ILivepeerToken) {
        return ILivepeerToken(_registered(keccak256("LivepeerToken")));
    }

    function _registered(bytes32 _id) private view returns (address) {
        return controller.getContract(_id);
    }
}
