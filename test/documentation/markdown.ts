import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every page of this project, from the root: `docs/send/endpoints.md`. */
export function pages(): string[] {
  const examples = ['github', 'go', 'python', 'java', 'rust'].map((name) => `examples/${name}`);
  const flat = ['.', 'src', ...examples, 'client'].flatMap((folder) =>
    readdirSync(path.join(root, folder)).map((name) => path.join(folder, name)),
  );
  const docs = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(
    (name) => path.join('docs', name),
  );
  return [...flat, ...docs.toSorted()].filter((name) => name.endsWith('.md'));
}

export function readPage(page: string): string {
  return readFileSync(path.join(root, page), 'utf8');
}

export interface Fence {
  /** Empty where none is named. */
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page, in order. A block inside a list is without the list's indentation. */
export function fencesOf(text: string): Fence[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(
    ([, indentation, language, inner]) => ({
      language: language!,
      text: inner!.replaceAll(new RegExp(`^${indentation}`, 'gm'), ''),
    }),
  );
}

/** A page without its fenced blocks. */
export function proseOf(text: string): string {
  return text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, '');
}

/** Where the links of a page lead, but for those to other sites. */
export function linksOf(text: string): string[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((found) => found[1]!)
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** The anchors that GitHub makes of a page's headings. */
export function anchorsOf(text: string): Set<string> {
  return new Set(
    [...proseOf(text).matchAll(/^#{1,6} (.+)$/gm)].map((found) =>
      found[1]!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

/** The first cell of each row of the first table below a page's first heading. */
export function firstColumn(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map((found) => found[1]!);
}
