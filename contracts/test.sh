#!/usr/bin/env bash
# Tests the contracts: that the artifacts are what the sources give, that every name clients and tests know
# is there, the forge suites, and what is linked with which library. FOUNDRY_PROFILE=long fuzzes ten times as long.
set -euo pipefail
cd "$(dirname "$0")"
# Not `npm ci`: it refuses a lock without the tools' builds for other platforms, which not every registry
# carries. What is installed is what the lock names, its hashes checked; the lock is not written.
npm install --no-save --no-audit --no-fund --loglevel=error
node build.mjs --check
node tools/check-abi.mjs
# The program itself: what npm puts into .bin may wait for an install script that did not run.
"node_modules/@foundry-rs/forge-$(node -p 'process.platform')-$(node -p 'process.arch === "x64" ? "amd64" : process.arch')/bin/forge" test --offline
node tools/check-links.mjs
