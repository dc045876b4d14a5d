#!/usr/bin/env node
// The command's entry. Plain JavaScript, so that an old Node says what is wrong rather than a
// syntax error.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `headgate needs Node 24 or newer and this is ${process.version}. In a checkout, ` +
      '"npm ci" brings the right one: start it by "npm start" or "npx headgate".',
  );
  process.exit(1);
}
await import('../src/cli/main.ts');
