#!/usr/bin/env bash
# Tests the contracts: that the artifacts are what the sources give, that every name clients and tests know
# is there, the forge suites, what is linked with which library, and that nothing costs more gas than
# gas.json says. FOUNDRY_PROFILE=long fuzzes ten times as long, from another seed each time.
set -euo pipefail
cd "$(dirname "$0")"
# Not `npm ci`: it refuses a lock without the tools' builds for other platforms, which not every registry
# carries. What is installed is what the lock names, its hashes checked; the lock is not written.
npm install --no-save --no-audit --no-fund --loglevel=error
node build.mjs --check
node tools/check-abi.mjs
# The program itself: what npm puts into .bin may wait for an install script that did not run.
forge="node_modules/@foundry-rs/forge-$(node -p 'process.platform')-$(node -p 'process.arch === "x64" ? "amd64" : process.arch')/bin/forge"
# The same cases on every machine: what fails in one place fails in all.
seed=0x5eed
[ "${FOUNDRY_PROFILE:-}" = long ] && seed="0x$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')"
"$forge" test --offline --fuzz-seed "$seed"
node tools/check-links.mjs
FOUNDRY_PROFILE=gas "$forge" test --offline
node tools/check-gas.mjs
