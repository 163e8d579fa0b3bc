// Waffle's matchers, smock and deploy-ethers in the versions that existing tests pin, on our sources. Without the
// IR optimiser: this Hardhat reads the other code generator's traces, and makes texts of its own from them.
const { join } = require('node:path');
const { subtask } = require('hardhat/config');
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require('hardhat/builtin-tasks/task-names');
require('@nomiclabs/hardhat-waffle');
require('hardhat-deploy');
require('@nomiclabs/hardhat-ethers');

const root = join(__dirname, '..');

// The compiler that came with npm install in the folder above, so that nothing is fetched here.
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  compilerPath: join(root, 'node_modules/solc/soljson.js'),
  isSolcJs: true,
  version: '0.8.30',
  longVersion: '0.8.30+commit.73712a01',
}));

module.exports = {
  solidity: {
    version: '0.8.30',
    settings: { optimizer: { enabled: true, runs: 200 }, evmVersion: 'london' },
  },
  paths: { root, sources: 'contracts', tests: 'compat/test', artifacts: 'compat/artifacts', cache: 'compat/cache' },
  networks: {
    hardhat: {
      gas: 12000000,
      blockGasLimit: 12000000,
      allowUnlimitedContractSize: true,
      hardfork: 'arrowGlacier',
      accounts: { count: 250 },
    },
  },
  namedAccounts: { deployer: 0 },
  mocha: { timeout: 120000 },
};
