import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildVariable } from '../../test/tested-program.ts';
import { writeBundle } from './bundle.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const keptMs = 86_400_000;

/** For vitest, before the first test: builds the program, unless it is there from an earlier run. */
export async function setup(): Promise<void> {
  const parent = path.join(root, 'node_modules', '.headgate', 'tested');
  mkdirSync(parent, { recursive: true });
  // Its real path: the build finds files of the repository by their place relative to it.
  const builds = realpathSync(parent);
  const folder = path.join(builds, hashOfInputs());
  removeOld(builds);
  if (!existsSync(folder)) {
    const made = mkdtempSync(path.join(builds, 'making-'));
    await writeBundle(made);
    try {
      renameSync(made, folder);
    } catch (error) {
      // Another run was faster: its build is the same.
      rmSync(made, { recursive: true });
      if (!existsSync(folder)) throw error;
    }
  }
  const now = new Date();
  utimesSync(folder, now, now);
  process.env[buildVariable] = folder;
}

/** Of all that a build is made of, and where it is. */
function hashOfInputs(): string {
  const hash = createHash('sha256').update(root);
  const add = (file: string): void => void hash.update(file).update(readFileSync(file));
  for (const name of ['package.json', 'package-lock.json']) add(path.join(root, name));
  for (const folder of ['src', 'gen', 'scripts/build']) {
    const names = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
    for (const name of names.sort()) {
      if (/\.(ts|js)$/.test(name) && !name.endsWith('.test.ts')) add(path.join(root, folder, name));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Builds that no run has used for a day. */
function removeOld(builds: string): void {
  for (const name of readdirSync(builds)) {
    const folder = path.join(builds, name);
    const { mtimeMs } = statSync(folder, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > keptMs) rmSync(folder, { recursive: true, force: true });
  }
}
