import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What one generator makes. */
export interface Generated {
  /** Content by path, from the root of the repository. */
  readonly files: ReadonlyMap<string, string>;
  /** A folder that holds these files and nothing else. */
  readonly folder?: string;
}

/** The paths of the files that are missing, have another content, or should not be there. Sorted. */
export function findStale(root: string, { files, folder }: Generated): string[] {
  const changed = [...files]
    .filter(([name, content]) => readIfThere(path.join(root, name)) !== content)
    .map(([name]) => name);
  const superfluous =
    folder === undefined ? [] : filesBelow(root, folder).filter((name) => !files.has(name));
  return [...changed, ...superfluous].toSorted();
}

/** Writes stale files and deletes unexpected ones. Returns the paths that it changed. */
export function writeGenerated(root: string, generated: Generated): string[] {
  const stale = findStale(root, generated);
  for (const name of stale) {
    const file = path.join(root, name);
    const content = generated.files.get(name);
    mkdirSync(path.dirname(file), { recursive: true });
    if (content === undefined) rmSync(file);
    else writeFileSync(file, content);
  }
  return stale;
}

/** The files below a folder, as paths from `root`. Empty if the folder does not exist. */
export function filesBelow(root: string, folder: string): string[] {
  try {
    return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
