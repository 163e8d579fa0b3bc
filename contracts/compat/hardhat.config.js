// Waffle's matchers and deploy-ethers, as existing tests use them; the compiler is the one from npm.
const { subtask } = require('hardhat/config');
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require('hardhat/builtin-tasks/task-names');
require('@nomiclabs/hardhat-waffle');
require('hardhat-deploy');
require('@nomiclabs/hardhat-ethers');

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  compilerPath: require.resolve('solc/soljson.js'),
  isSolcJs: true,
  version: '0.8.30',
  longVersion: '0.8.30+commit.73712a01',
}));

module.exports = {
  solidity: {
    version: '0.8.30',
    settings: { viaIR: true, optimizer: { enabled: true, runs: 200 }, evmVersion: 'london' },
  },
  networks: {
    hardhat: {
      gas: 12000000, blockGasLimit: 12000000, allowUnlimitedContractSize: true, hardfork: 'arrowGlacier',
      accounts: { count: 250 },
    },
  },
  namedAccounts: { deployer: 0 },
  mocha: { timeout: 120000 },
};
