import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { writeBundle } from './bundle.ts';
import { writeConsole } from './console-bundle.ts';
import { writePublicTypes } from './public-types.ts';
import { writeLicences } from './third-party-licences.ts';

/**
 * `npm run build`: writes dist/, which the package and the image are made of: the programs, the
 * modules that others import, their types, the console, and the licences of the packages that are part
 * of it.
 */
mkdirSync('dist', { recursive: true });
for (const name of readdirSync('dist')) {
  // A service that runs serves the console from here: its files are replaced one by one.
  if (name !== 'console') rmSync(path.join('dist', name), { recursive: true, force: true });
}
const { packages } = await writeBundle('dist');
writePublicTypes('dist/types');
const ofConsole = await writeConsole('dist/console');
const all = [...new Set([...packages, ...ofConsole])].toSorted();
writeLicences('dist/third-party-licences.txt', all);
