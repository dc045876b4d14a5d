#!/usr/bin/env node
// The command's entry. Plain JavaScript, so that an old Node says what is wrong rather than a
// syntax error.
import { existsSync } from 'node:fs';

// A checkout has the source, and Node 24 to run it; the package has the build.
const isCheckout = existsSync(new URL('../src/cli/main.ts', import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);

if (isCheckout && major < 24) {
  console.error(
    `headgate in a checkout needs Node 24 or newer and this is ${process.version}. ` +
      '"npm ci" brings the right one: start it by "npm start" or "npx headgate".',
  );
  process.exit(1);
}
if (major < 22 || (major === 22 && minor < 22)) {
  console.error(`headgate needs Node 22.22 or newer and this is ${process.version}.`);
  process.exit(1);
}
if (major < 24) {
  // Node 22 says at every command that node:sqlite is experimental.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    if (String(warning).startsWith('SQLite is an experimental feature')) return;
    emitWarning.call(process, warning, ...rest);
  };
}
await import(isCheckout ? '../src/cli/main.ts' : '../dist/headgate.js');
