import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

// @ts-expect-error Plain JavaScript, for any Node that npm runs on.
import { verifyNode } from '../../scripts/install/node-binary.js';

const verify = verifyNode as (file: string, target: string, digests?: object) => boolean;

test('the running Node is the pinned one', () => {
  expect(verify(process.execPath, `${process.platform}-${process.arch}`)).toBe(
    `${process.platform}-${process.arch}` === 'linux-x64',
  );
});

test('another binary stops the installation, and says so', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-node-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'node');
  writeFileSync(file, 'another');
  expect(() => verify(file, 'linux-x64')).toThrow(/has the SHA-256 .* do not run it/);
  expect(verify(file, 'plan9-mips')).toBe(false);
});
