import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { taxonomyFile } from '../../../validation/schema-registry.ts';

/** The taxonomy last, and at once: a folder that was written in part is still the one before. */
export async function writeContracts(
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<void> {
  for (const [name, text] of taxonomyLast(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    if (name !== taxonomyFile) {
      await writeFile(file, text);
      continue;
    }
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
}

function taxonomyLast(files: ReadonlyMap<string, string>): [string, string][] {
  const isLast = (name: string): number => (name === taxonomyFile ? 1 : 0);
  return [...files].sort(([one], [other]) => isLast(one) - isLast(other));
}
