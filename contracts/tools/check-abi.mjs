// Every name that existing clients use must be in our contracts, with the same types: ours may only
// add. `abi/` holds what clients know, one file a contract.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Types of parameters, tuples written out. */
function types(parameters) {
  return (parameters ?? []).map((parameter) => {
    const indexed = parameter.indexed ? ' indexed' : '';
    if (!parameter.type.startsWith('tuple')) return `${parameter.type}${indexed}`;
    const members = types(parameter.components).join(',');
    return `(${members})${parameter.type.slice('tuple'.length)}${indexed}`;
  });
}

/** An entry as a line in which only what clients rely on stands. */
function line(entry) {
  const inputs = types(entry.inputs).join(',');
  const outputs = types(entry.outputs).join(',');
  const mutability = entry.stateMutability ?? '';
  return `${entry.type} ${entry.name ?? ''}(${inputs}) ${mutability} -> (${outputs})`;
}

let compared = 0;
let wrong = 0;
for (const file of readdirSync(join(root, 'abi'))) {
  const ours = join(root, 'artifacts', file);
  if (!existsSync(ours)) continue;
  const known = JSON.parse(readFileSync(join(root, 'abi', file), 'utf8'));
  const lines = new Set(JSON.parse(readFileSync(ours, 'utf8')).abi.map(line));
  for (const entry of known.abi ?? known) {
    compared += 1;
    if (!lines.has(line(entry))) {
      console.error(`${file}: ${line(entry)} is missing or differs`);
      wrong += 1;
    }
  }
}
console.log(`${compared} entries compared, ${wrong} differ`);
process.exit(wrong === 0 && compared > 400 ? 0 : 1);
