import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { lockDirectory } from './owner-lock.ts';

function scratch(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'headgate-lock-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const ownModule = JSON.stringify(path.join(import.meta.dirname, 'owner-lock.ts'));

// The lock by name exists only on Linux; the lock by file works anywhere.
const platforms: NodeJS.Platform[] =
  process.platform === 'linux' ? ['linux', 'darwin'] : ['darwin'];

describe.each(platforms)('on %s', (platform) => {
  test('a directory has one owner at a time, across processes', async () => {
    const directory = scratch();
    const program =
      `const { lockDirectory } = await import(${ownModule});` +
      `await lockDirectory(${JSON.stringify(directory)}, '${platform}');` +
      `console.log('mine'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    await expect(lockDirectory(directory, platform)).rejects.toMatchObject({
      code: 'spool_locked',
      message: expect.stringContaining(directory) as string,
    });
    child.kill('SIGKILL');
    await once(child, 'close');
    const lock = await lockDirectory(directory, platform);
    await lock.release();
    await (await lockDirectory(directory, platform)).release();
  });
});

test.runIf(process.platform === 'linux')('a link to a directory shares its lock', async () => {
  const directory = scratch();
  const other = path.join(scratch(), 'link');
  symlinkSync(directory, other);
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(other)).rejects.toMatchObject({ code: 'spool_locked' });
  await lock.release();
});

test.each(['', 'nonsense', String(process.pid), '4194304999'])(
  'a lock file with the content %j is stale and taken over',
  async (text) => {
    const directory = scratch();
    const file = path.join(directory, 'owner.pid');
    writeFileSync(file, text);
    const lock = await lockDirectory(directory, 'darwin');
    await lock.release();
    expect(existsSync(file)).toBe(false);
  },
);
