// Compares what the player page carries with the npm packages it is from, or copies it anew.
//
//   npm ci && npm run check      exit code 1 when something differs
//   npm ci && npm run vendor     after the version in package.json was changed

import { copyFile, readFile, writeFile } from 'node:fs/promises';

const here = new URL('.', import.meta.url);
const vendor = new URL('player/vendor/', here);
const write = process.argv.includes('--write');

const files = [
  ['node_modules/hls.js/dist/hls.light.min.js', 'hls.light.min.js'],
  ['node_modules/hls.js/LICENSE', 'hls.LICENSE'],
];

const wanted = JSON.parse(await readFile(new URL('package.json', here))).devDependencies['hls.js'];
const found = JSON.parse(await readFile(new URL('node_modules/hls.js/package.json', here))).version;
let wrong = found === wanted ? [] : [`hls.js ${found} is installed, package.json wants ${wanted}`];

for (const [from, to] of files) {
  const source = new URL(from, here);
  const target = new URL(to, vendor);
  if (write) await copyFile(source, target);
  const [a, b] = await Promise.all([readFile(source), readFile(target)]);
  if (!a.equals(b)) wrong.push(`player/vendor/${to} differs from ${from} of hls.js ${found}`);
}

const note = new URL('README.md', vendor);
const text = `# Not ours

\`hls.light.min.js\` is [hls.js](https://github.com/video-dev/hls.js) ${found}, unchanged from the npm package
\`hls.js@${found}\`. © Dailymotion and the contributors, Apache License 2.0; the text is in \`hls.LICENSE\`.
\`npm run check\` in \`web/\` compares it with the package, \`npm run vendor\` copies it anew.
`;
if (write) await writeFile(note, text);
if ((await readFile(note, 'utf8')) !== text) wrong.push('player/vendor/README.md does not name this version');

for (const problem of wrong) console.error(problem);
process.exitCode = wrong.length ? 1 : 0;
