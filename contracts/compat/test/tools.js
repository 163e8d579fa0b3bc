// Our contracts under the tools of existing tests, in the shape of those tests: factories by bare name, linking,
// texts of reasons and custom errors as this Hardhat prints them, fakes, and Solidity tests run as transactions.
const { ethers } = require('hardhat');
const { expect, use } = require('chai');
const { smock } = require('@defi-wonderland/smock');
use(require('ethereum-waffle').solidity);
use(smock.matchers);
const id = (name) => ethers.utils.solidityKeccak256(['string'], [name]);
const COMMIT = '0x3031323334353637383930313233343536373839';

describe('Contracts under the tools of existing tests', () => {
  let signers, controller, mock, bonding, list;
  before(async () => {
    signers = await ethers.getSigners();
    controller = await (await ethers.getContractFactory('Controller')).deploy();
    mock = {};
    for (const [name, kind] of [['LivepeerToken', 'GenericMock'], ['Minter', 'MinterMock'], ['Treasury', 'GenericMock'],
      ['BondingManager', 'BondingManagerMock'], ['BondingVotes', 'BondingVotesMock'], ['RoundsManager', 'GenericMock'],
      ['TicketBroker', 'GenericMock'], ['Verifier', 'GenericMock']]) {
      mock[name] = await (await ethers.getContractFactory(kind)).deploy();
      await controller.setContractInfo(id(name), mock[name].address, COMMIT);
    }
    await controller.unpause();
    list = await (await ethers.getContractFactory('SortedDoublyLL')).deploy();
  });

  it('has every factory, linked exactly', async () => {
    for (const name of ['Manager', 'ManagerProxy', 'BondingVotes', 'RoundsManager', 'AdjustableRoundsManager', 'TicketBroker',
      'Minter', 'LivepeerToken', 'LivepeerTokenFaucet', 'ServiceRegistry', 'MerkleSnapshot', 'Poll', 'PollCreator', 'Treasury',
      'LivepeerGovernor', 'contracts/governance/Governor.sol:Governor', 'VotesMock', 'GovernorCountingOverridableHarness',
      'LivepeerGovernorUpgradeMock', 'GovernorInterfacesFixture', 'RevertProxy', 'SetUint256', 'TickerBrokerExtendedMock',
      'BondingVotesERC5805Harness', 'ManagerFixture', 'ManagerProxyTargetMockV1', 'ManagerProxyTargetMockV2', 'ManagerProxyTargetMockV3']) {
      await ethers.getContractFactory(name);
    }
    let refused = false;
    try { await ethers.getContractFactory('BondingManager'); } catch { refused = true; }
    expect(refused).to.equal(true);
    refused = false;
    try { await ethers.getContractFactory('Controller', { libraries: { SortedDoublyLL: list.address } }); } catch { refused = true; }
    expect(refused).to.equal(true);
    bonding = await (await ethers.getContractFactory('BondingManager', { libraries: { SortedDoublyLL: list.address } })).deploy(controller.address);
    await controller.setContractInfo(id('BondingManager'), bonding.address, COMMIT);
    await bonding.setUnbondingPeriod(2);
    await bonding.setNumActiveTranscoders(2);
  });

  const sel = (signature) => ethers.utils.id(signature).slice(0, 10);
  it('matches reasons, panics and node texts', async () => {
    await expect(bonding.bond(1000, signers[0].address)).to.be.revertedWith('current round is not initialized');
    await mock.RoundsManager.setMockBool(sel('currentRoundInitialized()'), true);
    await mock.RoundsManager.setMockUint256(sel('currentRound()'), 100);
    await expect(bonding.connect(signers[1]).setUnbondingPeriod(5)).to.be.revertedWith('caller must be Controller owner');
    await bonding.bond(1000, signers[0].address);
    await expect(bonding.unbond(1)).to.be.revertedWith('caller must be bonded');
    await mock.RoundsManager.setMockUint256(sel('currentRound()'), 101);
    await expect(bonding.unbond(ethers.constants.MaxUint256)).to.be.revertedWith('amount is greater than bonded amount');
    await controller.setContractInfo(id('BondingVotes'), ethers.constants.AddressZero, COMMIT);
    await expect(bonding.checkpointBondingState(signers[0].address)).to.be.revertedWith('function call to a non-contract account');
    await controller.setContractInfo(id('BondingVotes'), mock.BondingVotes.address, COMMIT);
    await bonding.connect(signers[5]).bond(1, signers[5].address);
    await bonding.connect(signers[6]).bond(1, signers[6].address); // registered, not in the pool
    const fees = bonding.interface.encodeFunctionData('updateTranscoderWithFees', [signers[6].address, 1, 0]);
    await expect(mock.TicketBroker.execute(bonding.address, fees)).to.be.reverted;
    await controller.setContractInfo(id('TicketBroker'), signers[7].address, COMMIT);
    await expect(bonding.connect(signers[7]).updateTranscoderWithFees(signers[6].address, 1, 0))
      .to.be.revertedWith('panic code 0x12 (Division or modulo division by zero)');
  });

  it('prints custom errors, of transactions and of calls', async () => {
    const votes = await (await ethers.getContractFactory('BondingVotes')).deploy(controller.address);
    const caller = signers[0].address;
    await expect(votes.checkpointTotalActiveStake(1, 1)).to.be.revertedWith(`InvalidCaller("${caller}", "${bonding.address}")`);
    await mock.RoundsManager.setMockUint256(sel('currentRound()'), 1000);
    await expect(votes.getPastVotes(caller, 1000)).to.be.revertedWith('FutureLookup(1000, 999)');
    await expect(votes.delegate(caller)).to.be.revertedWith('MustCallBondingManager("bond")');
    // through a mock: the raw bytes, read as text
    await controller.setContractInfo(id('BondingManager'), mock.BondingManager.address, COMMIT);
    const write = votes.interface.encodeFunctionData('checkpointTotalActiveStake', [1, 999]);
    const text = Buffer.from((sel('InvalidTotalStakeCheckpointRound(uint256,uint256)')
      + ethers.utils.defaultAbiCoder.encode(['uint256', 'uint256'], [999, 1000]).slice(2)).slice(2), 'hex').toString('utf8');
    await expect(mock.BondingManager.execute(votes.address, write)).to.be.revertedWith(text);
  });

  it('emits what mocks were asked', async () => {
    await expect(bonding.claimEarnings(0)).to.emit(mock.BondingVotes, 'CheckpointBondingState');
    const broker = await (await ethers.getContractFactory('TicketBroker')).deploy(controller.address);
    await broker.setUnlockPeriod(20);
    await expect(broker.fundDeposit({ value: 1000 })).to.emit(broker, 'DepositFunded').withArgs(signers[0].address, 1000);
    expect(await ethers.provider.getBalance(mock.Minter.address)).to.equal(1000);
    await expect(() => broker.unlock()).to.changeEtherBalance(signers[1], 0);
    await expect(broker.unlock()).to.be.revertedWith('unlock already initiated');
  });

  it('is faked by smock', async () => {
    const token = await smock.fake('ILivepeerToken');
    await controller.setContractInfo(id('LivepeerToken'), token.address, COMMIT);
    const make = await ethers.getContractFactory('Minter');
    const minter = await make.deploy(controller.address, 1, 1, 1);
    const next = await make.deploy(controller.address, 1, 1, 1);
    await controller.setContractInfo(id('Minter'), minter.address, COMMIT);
    token.balanceOf.whenCalledWith(minter.address).returns(200);
    await minter.migrateToNewMinter(next.address);
    expect(token.transfer).to.be.calledOnceWith(next.address, 200);
    const stake = await smock.fake('contracts/polling/PollCreator.sol:IBondingManager', { address: signers[9].address });
    stake.pendingStake.returns(0);
    stake.transcoderTotalStake.returns(0);
    const creator = await (await ethers.getContractFactory('PollCreator')).deploy(stake.address);
    await expect(creator.createPoll('0x01')).to.be.revertedWith('PollCreator#createPoll: INSUFFICIENT_STAKE');
    stake.pendingStake.returns(ethers.utils.parseEther('100'));
    const receipt = await (await creator.createPoll('0x01')).wait();
    const poll = await ethers.getContractAt('Poll', receipt.events[0].args[0]);
    await ethers.provider.send('hardhat_setStorageAt', [poll.address, '0x0', ethers.utils.hexZeroPad('0x1', 32)]);
    await poll.destroy();
    expect(await ethers.provider.getCode(poll.address)).to.equal('0x');
  });

  const suites = { TestSortedDoublyLLFindWithHints: 'LAU', TestSortedDoublyLLFindWithHints2: 'LAU', TestSortedDoublyLLInsert: 'LAUB',
    TestSortedDoublyLLRemove: 'LAUB', TestSortedDoublyLLUpdateKey: 'LAUB', TestSortedArrays: 'UB', TestEarningsPool: 'U',
    TestEarningsPoolLIP36: 'U', TestMathUtils: 'BU', TestMathUtilsV2: 'BU', TestPreciseMathUtils: 'BU' };
  const libs = { L: 'SortedDoublyLL', A: 'AssertAddress', U: 'AssertUint', B: 'AssertBool' };
  for (const [name, needs] of Object.entries(suites)) {
    it(`runs ${name}`, async () => {
      const libraries = {};
      for (const n of needs) libraries[libs[n]] = (await (await ethers.getContractFactory(libs[n])).deploy()).address;
      const suite = await (await ethers.getContractFactory(name, { libraries })).deploy();
      const events = new ethers.utils.Interface(['event TestEvent(bool indexed result, string message)']);
      for (const f of Object.values(suite.interface.functions).filter((f) => f.name.startsWith('test'))) {
        if (suite.beforeEach) await suite.beforeEach();
        const receipt = await (await suite[f.name]()).wait();
        expect(receipt.logs.length).to.be.above(0);
        for (const log of receipt.logs) expect(events.parseLog(log).args.result, f.name).to.equal(true);
      }
    });
  }
});
