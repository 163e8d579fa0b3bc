// Compares what was just measured with what is committed in gas.json: nothing may cost more. `--write` takes the
// new figures over, which a change that makes something cheaper does.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const committed = join(root, 'gas.json');

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const measured = ['operations', 'pools'].map((name) => read(join(root, 'out', `gas-${name}.json`)));
const figures = Object.assign({}, ...measured);

if (process.argv.includes('--write')) {
  const sorted = Object.fromEntries(Object.keys(figures).sort().map((name) => [name, figures[name]]));
  writeFileSync(committed, `${JSON.stringify(sorted, null, 1)}\n`);
  console.log(`${Object.keys(sorted).length} figures written to gas.json`);
  process.exit(0);
}

const known = read(committed);
let wrong = 0;
for (const name of new Set([...Object.keys(known), ...Object.keys(figures)])) {
  const [before, now] = [known[name], figures[name]];
  if (before === now) continue;
  const cheaper = now < before;
  console.error(`${name}: ${before ?? 'not in gas.json'} -> ${now ?? 'not measured'}`);
  if (cheaper) console.error('  cheaper: node tools/check-gas.mjs --write');
  wrong += 1;
}
console.log(`${Object.keys(known).length} gas figures compared, ${wrong} differ`);
process.exit(wrong === 0 ? 0 : 1);
