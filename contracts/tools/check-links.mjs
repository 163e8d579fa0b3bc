// Which libraries each contract is linked with, by what forge compiled: the tools of existing tests refuse
// a library that a contract does not need, and one that is missing. Run after forge.
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const list = ['AssertAddress', 'AssertUint', 'SortedDoublyLL'];
/** What is linked with libraries; everything else of ours must need none. */
const expected = {
  BondingManager: ['SortedDoublyLL'],
  SortedDoublyLLFixture: ['SortedDoublyLL'],
  TestSortedDoublyLLFindWithHints: list,
  TestSortedDoublyLLFindWithHints2: list,
  TestSortedDoublyLLInsert: [...list, 'AssertBool'],
  TestSortedDoublyLLRemove: [...list, 'AssertBool'],
  TestSortedDoublyLLUpdateKey: [...list, 'AssertBool'],
  TestSortedArrays: ['AssertUint', 'AssertBool'],
  TestEarningsPool: ['AssertUint'],
  TestEarningsPoolLIP36: ['AssertUint'],
  TestMathUtils: ['AssertBool', 'AssertUint'],
  TestMathUtilsV2: ['AssertBool', 'AssertUint'],
  TestPreciseMathUtils: ['AssertBool', 'AssertUint'],
};

/** The libraries whose addresses an artifact has holes for. */
function linked(artifact) {
  return Object.values(artifact.bytecode?.linkReferences ?? {}).flatMap((file) => Object.keys(file)).sort();
}

let wrong = 0;
let compared = 0;
const seen = new Set();
for (const folder of readdirSync(join(root, 'out'))) {
  if (!folder.endsWith('.sol')) continue;
  for (const file of readdirSync(join(root, 'out', folder)).filter((name) => name.endsWith('.json'))) {
    const artifact = JSON.parse(readFileSync(join(root, 'out', folder, file), 'utf8'));
    const [path, name] = Object.entries(artifact.metadata?.settings?.compilationTarget ?? {})[0] ?? [];
    // Only what the sources have today: forge keeps what it once compiled.
    if (!path?.startsWith('contracts/') || !existsSync(join(root, path))) continue;
    const [needs, should] = [linked(artifact).join(' '), [...(expected[name] ?? [])].sort().join(' ')];
    compared += 1;
    seen.add(name);
    if (needs === should) continue;
    console.error(`${name} is linked with [${needs}], tests expect [${should}]`);
    wrong += 1;
  }
}
for (const name of Object.keys(expected).filter((name) => !seen.has(name))) {
  console.error(`${name} was not compiled`);
  wrong += 1;
}
console.log(`links of ${compared} contracts compared, ${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
