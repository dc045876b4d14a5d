import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every page of this project, from the root: `docs/send/endpoints.md`. */
export function pages(): string[] {
  const examples = ['github', 'go', 'python', 'java', 'rust'].map((name) => `examples/${name}`);
  const folders = ['.', 'src', 'docs', 'docs/adr', 'docs/runbooks', ...examples, 'client'];
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => path.join(folder, name)),
  );
}

export function readPage(page: string): string {
  return readFileSync(path.join(root, page), 'utf8');
}

export interface Fence {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page, in order. */
export function fencesOf(text: string): Fence[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((found) => ({
    language: found[1]!,
    text: found[2]!,
  }));
}

/** Where the links of a page lead, but for those to other sites. */
export function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((found) => found[1]!)
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** The anchors that GitHub makes of a page's headings. */
export function anchorsOf(text: string): Set<string> {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return new Set(
    [...prose.matchAll(/^#{1,6} (.+)$/gm)].map((found) =>
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
