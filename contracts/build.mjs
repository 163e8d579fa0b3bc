// Compiles the contracts and writes their artifacts: ABI, creation code, link references. The same
// sources give the same bytes; `--check` compiles and compares with what is committed.
import { readFileSync, writeFileSync, readdirSync, mkdirSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import solc from 'solc';

const root = dirname(fileURLToPath(import.meta.url));
const artifacts = join(root, 'artifacts');

// What is deployed. Everything else is compiled with it where it is used.
const deployed = [
  'Controller', 'ManagerProxy', 'ServiceRegistry',
  'bonding/BondingManager', 'bonding/BondingVotes',
  'governance/Governor', 'libraries/SortedDoublyLL',
  'pm/AllOrNothingTicketBroker', 'pm/TicketBroker', 'polling/PollCreator',
  'rounds/AdjustableRoundsManager', 'rounds/RoundsManager', 'snapshots/MerkleSnapshot',
  'token/DummyL2LPTDataCache', 'token/LivepeerToken', 'token/LivepeerTokenFaucet', 'token/Minter',
  'treasury/LivepeerGovernor', 'treasury/Treasury',
];

/** Calls in a contract's life for which its code is made: many, as code that is not made anew costs nothing. */
const RUNS = 1_000_000;

/** Contracts that would be too large for a chain then. */
const FEWER_RUNS = { 'bonding/BondingManager': 1_000, 'treasury/LivepeerGovernor': 1_000 };

const settings = (runs) => ({
  viaIR: true,
  optimizer: { enabled: true, runs },
  // The oldest rules of the EVM that a node of the network may run.
  evmVersion: 'london',
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode', 'evm.deployedBytecode.object'] } },
});

/** The largest contract that a chain takes, in bytes. */
const LARGEST = 24_576;

function source(path) {
  for (const folder of [root, join(root, 'node_modules')]) {
    const file = join(folder, path);
    if (existsSync(file)) return { contents: readFileSync(file, 'utf8') };
  }
  return { error: `${path} is not there; run npm install --no-save` };
}

function compile(names, runs) {
  const paths = names.map((name) => `contracts/${name}.sol`);
  const sources = Object.fromEntries(paths.map((path) => [path, { content: source(path).contents }]));
  const input = { language: 'Solidity', sources, settings: settings(runs) };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: source }));
  const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
  if (errors.length > 0) {
    for (const error of errors) console.error(error.formattedMessage);
    process.exit(1);
  }
  const compiled = names.map((name) => [name, output.contracts[`contracts/${name}.sol`][name.split('/').pop()]]);
  return Object.fromEntries(compiled);
}

function compileAll() {
  const usual = compile(deployed.filter((name) => !(name in FEWER_RUNS)), RUNS);
  return Object.assign(usual, ...Object.entries(FEWER_RUNS).map(([name, runs]) => compile([name], runs)));
}

/** JSON with its keys in order, so that the same content is the same text. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function artifact(contract) {
  const { abi, evm } = contract;
  const text = {
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    linkReferences: evm.bytecode.linkReferences,
  };
  return `${JSON.stringify(sorted(text), null, 1)}\n`;
}

const check = process.argv.includes('--check');
const contracts = compileAll();
mkdirSync(artifacts, { recursive: true });
let wrong = 0;
for (const path of deployed) {
  const name = path.split('/').pop();
  const contract = contracts[path];
  const size = contract.evm.deployedBytecode.object.length / 2;
  if (size > LARGEST) {
    console.error(`${name} has ${size} bytes; a chain takes ${LARGEST}`);
    wrong += 1;
  }
  const file = join(artifacts, `${name}.json`);
  const text = artifact(contract);
  if (!check) {
    writeFileSync(file, text);
    console.log(`${name.padEnd(24)} ${String(size).padStart(6)} bytes`);
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`artifacts/${name}.json is not what the sources give; run node build.mjs`);
    wrong += 1;
  }
}
const known = new Set(deployed.map((path) => `${path.split('/').pop()}.json`));
for (const file of readdirSync(artifacts).filter((file) => !known.has(file))) {
  console.error(`artifacts/${file} belongs to no contract`);
  wrong += 1;
}
process.exit(wrong === 0 ? 0 : 1);
