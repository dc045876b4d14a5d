import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceFile {
  /** From the root of the repository: `src/http/listen.ts`. */
  readonly name: string;
  readonly text: string;
  /** As written: `../errors.ts`, `node:fs`. Types, exports and dynamic imports included. */
  readonly specifiers: readonly string[];
  /** The files of the repository among them, from its root. */
  readonly imports: readonly string[];
}

const importPattern = /(?:\bfrom|\bimport\(|^import)\s*['"]([^'"\s]+)['"]/gm;

/** Every TypeScript file of a folder and of those below it, tests and fixtures included. */
export function readSources(folder: string): SourceFile[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !/(^|\/)(node_modules|dist)\//.test(name))
    .map((name) => {
      const text = readFileSync(path.join(root, folder, name), 'utf8');
      const specifiers = [...text.matchAll(importPattern)].map((found) => found[1]!);
      const from = path.dirname(path.join(folder, name));
      const imports = specifiers
        .filter((each) => each.startsWith('.'))
        .map((each) => path.join(from, each))
        .filter((each) => existsSync(path.join(root, each)));
      return { name: path.join(folder, name), text, specifiers, imports };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

/** True for what runs in tests alone. */
export function isTest(name: string): boolean {
  return /\.(test|fixture)\.ts$/.test(name);
}

/** True for what the code generator of protocol buffers writes. */
export function isGenerated(name: string): boolean {
  return /^(gen|client\/src\/gen)\//.test(name);
}
