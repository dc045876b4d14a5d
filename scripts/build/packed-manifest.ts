/**
 * The package.json of the tarball has no `scripts` and no `workspaces`: their files are not in it, and npm would
 * warn of an install script. `npm pack` takes the file as it is on disk, so it is changed while it packs:
 *
 *     node scripts/build/packed-manifest.ts strip     # before: keeps the whole file aside
 *     node scripts/build/packed-manifest.ts restore   # afterwards, or after a `npm pack` that was interrupted
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const manifest = 'package.json';
const whole = 'package.json.whole';

const [, , action] = process.argv;
if (action === 'strip') strip();
else if (action === 'restore') restore();
else throw new Error('say strip or restore');

function strip(): void {
  const text = readFileSync(manifest, 'utf8');
  const {
    scripts,
    workspaces: _workspaces,
    ...packed
  } = JSON.parse(text) as Record<string, unknown>;
  // An interrupted run has left it stripped; the whole file is aside already.
  if (scripts === undefined) return;
  writeFileSync(whole, text);
  writeFileSync(manifest, `${JSON.stringify(packed, undefined, 2)}\n`);
}

function restore(): void {
  if (existsSync(whole)) renameSync(whole, manifest);
}
