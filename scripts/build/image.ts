import { cpSync, existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';

/**
 * `node scripts/build/image.ts FOLDER`: puts there what an image runs: the package, and the packages that
 * it loads, in the versions of the lock file. The clients of destinations are among them, which a user of
 * the package installs as needed. With HEADGATE_SKIP_NATS_SERVER=1 nats-server is not.
 */
const target = process.argv[2];
if (target === undefined) throw new Error('name the folder: node scripts/build/image.ts FOLDER');

interface Manifest {
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** The folder of a package, as Node finds it from another: there, or in a folder above. */
function findPackage(name: string, from: string): string | undefined {
  const found = path.join(from, 'node_modules', name);
  if (existsSync(found)) return found;
  const above = path.dirname(from);
  return from === '' || from === '.' ? undefined : findPackage(name, above === '.' ? '' : above);
}

const own = manifestOf('.');
const needed = new Set<string>();

function need(name: string, from: string, isOptional: boolean): void {
  const folder = findPackage(name, from);
  if (folder === undefined) {
    if (isOptional) return;
    throw new Error(`${from || 'headgate'} needs ${name}, which is not installed: run npm ci`);
  }
  if (needed.has(folder)) return;
  needed.add(folder);
  const { dependencies = {}, optionalDependencies = {} } = manifestOf(folder);
  for (const each of Object.keys(dependencies)) need(each, folder, each in optionalDependencies);
  for (const each of Object.keys(optionalDependencies)) need(each, folder, true);
}

/** It runs the conformance suite of a destination, in a project of its own. */
const notInImages = new Set(['vitest']);

for (const name of Object.keys(own.dependencies!)) need(name, '', false);
for (const name of Object.keys(own.peerDependencies!)) {
  if (!notInImages.has(name)) need(name, '', false);
}
if (process.env['HEADGATE_SKIP_NATS_SERVER'] !== '1') {
  for (const name of Object.keys(own.optionalDependencies!)) need(name, '', true);
}
for (const name of [...own.files!, 'package.json', 'LICENSE']) {
  cpSync(name, path.join(target, name), { recursive: true });
}
for (const folder of needed) {
  // The packages inside of it come by themselves, if they are needed.
  const nested = path.join(realpathSync(folder), 'node_modules');
  cpSync(folder, path.join(target, folder), {
    recursive: true,
    filter: (file) => !realpathSync(file).startsWith(nested),
  });
}
