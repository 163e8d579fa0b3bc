// Every name that existing clients and tests use must be in our contracts, with the same types: ours may
// only add. `abi/` holds what they know, one file a contract, library or interface; each is compared with
// what our sources compile to, and a file that belongs to no source is an error.
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import solc from 'solc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Files whose name is not that of one contract only: where it is, and what it is called there. */
const elsewhere = {
  IBondingManager: ['bonding/IBondingManager', 'IBondingManager'],
  'PollCreator.IBondingManager': ['polling/PollCreator', 'IBondingManager'],
  MathUtils: ['libraries/MathUtils', 'MathUtils'],
  MathUtilsV2: ['libraries/MathUtilsV2', 'MathUtils'],
};

/** Tests ask for these by their bare names, so no other contract of the sources may have one of them. */
const bareNames = [
  'Controller', 'Manager', 'ManagerProxy', 'BondingManager', 'BondingVotes', 'SortedDoublyLL', 'RoundsManager',
  'AdjustableRoundsManager', 'TicketBroker', 'Minter', 'LivepeerToken', 'LivepeerTokenFaucet', 'ServiceRegistry',
  'MerkleSnapshot', 'Poll', 'PollCreator', 'Treasury', 'LivepeerGovernor', 'ILivepeerToken', 'GenericMock',
  'MinterMock', 'BondingManagerMock', 'BondingVotesMock', 'BondingVotesERC5805Harness', 'ManagerFixture',
  'ManagerProxyTargetMockV1', 'ManagerProxyTargetMockV2', 'ManagerProxyTargetMockV3', 'SetUint256',
  'SortedDoublyLLFixture', 'SortedArraysFixture', 'EarningsPoolFixture', 'TickerBrokerExtendedMock', 'VotesMock',
  'GovernorCountingOverridableHarness', 'LivepeerGovernorUpgradeMock', 'GovernorInterfacesFixture', 'RevertProxy',
  'TestSortedDoublyLLFindWithHints', 'TestSortedDoublyLLFindWithHints2', 'TestSortedDoublyLLInsert',
  'TestSortedDoublyLLRemove', 'TestSortedDoublyLLUpdateKey', 'TestSortedArrays', 'TestEarningsPool',
  'TestEarningsPoolLIP36', 'TestMathUtils', 'TestMathUtilsV2', 'TestPreciseMathUtils', 'AssertUint', 'AssertBool',
  'AssertAddress', 'DummyGateway', 'DummyL2LPTDataCache',
];

let wrong = 0;
function report(text) {
  console.error(text);
  wrong += 1;
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.sol') ? [relative(root, path)] : [];
  });
}

function read(path) {
  for (const folder of [root, join(root, 'node_modules')]) {
    const file = join(folder, path);
    if (existsSync(file)) return { contents: readFileSync(file, 'utf8') };
  }
  return { error: `${path} is not there; run npm install --no-save` };
}

/** The ABIs of our own sources: by path, then by name. */
function compile() {
  const paths = sources(join(root, 'contracts'));
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(paths.map((path) => [path, { content: read(path).contents }])),
    settings: { evmVersion: 'london', outputSelection: { '*': { '*': ['abi'] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
  for (const error of errors) report(error.formattedMessage);
  if (errors.length > 0) process.exit(1);
  return output.contracts;
}

/** Types of parameters, tuples written out. */
function types(parameters) {
  return (parameters ?? []).map((parameter) => {
    const indexed = parameter.indexed ? ' indexed' : '';
    if (!parameter.type.startsWith('tuple')) return `${parameter.type}${indexed}`;
    const members = types(parameter.components).join(',');
    return `(${members})${parameter.type.slice('tuple'.length)}${indexed}`;
  });
}

/** Names of parameters, by which clients pick the fields of events, errors and answers. */
function names(parameters) {
  return (parameters ?? []).map((parameter) => {
    const members = parameter.components ? `(${names(parameter.components).join(',')})` : '';
    return `${parameter.name}${members}`;
  });
}

/** An entry as a line in which only what clients rely on stands. */
function line(entry) {
  const inputs = types(entry.inputs).join(',');
  const outputs = types(entry.outputs).join(',');
  const mutability = entry.stateMutability ?? '';
  const anonymous = entry.anonymous ? ' anonymous' : '';
  const fields = ['event', 'error'].includes(entry.type) ? names(entry.inputs) : names(entry.outputs);
  return `${entry.type} ${entry.name ?? ''}(${inputs}) ${mutability}${anonymous} -> (${outputs}) [${fields.join(',')}]`;
}

function find(contracts, name) {
  if (elsewhere[name] !== undefined) {
    const [path, ours] = elsewhere[name];
    return [contracts[`contracts/${path}.sol`]?.[ours]].filter((contract) => contract !== undefined);
  }
  return Object.entries(contracts)
    .filter(([path]) => path.startsWith('contracts/'))
    .map(([, inFile]) => inFile[name])
    .filter((contract) => contract !== undefined);
}

const contracts = compile();
let compared = 0;
const files = readdirSync(join(root, 'abi'));
for (const file of files) {
  const found = find(contracts, file.replace(/\.json$/, ''));
  if (found.length !== 1) {
    report(`${file}: ${found.length} contracts of ours have that name`);
    continue;
  }
  const known = JSON.parse(readFileSync(join(root, 'abi', file), 'utf8'));
  const lines = new Set(found[0].abi.map(line));
  for (const entry of known) {
    compared += 1;
    if (!lines.has(line(entry))) report(`${file}: ${line(entry)} is missing or differs`);
  }
}

for (const name of bareNames) {
  const found = find(contracts, name);
  if (found.length !== 1) report(`${name}: ${found.length} contracts of ours have that name, tests need one`);
}

const EXPECTED_FILES = 42;
const EXPECTED_ENTRIES = 625;
if (files.length < EXPECTED_FILES) report(`abi/ has ${files.length} files, ${EXPECTED_FILES} are known`);
if (compared < EXPECTED_ENTRIES) report(`only ${compared} entries were compared, ${EXPECTED_ENTRIES} are known`);
console.log(`${files.length} files, ${compared} entries compared, ${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
