import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

const source = fileURLToPath(new URL('../../client/src/', import.meta.url));

/** What each folder of the client may import, besides itself and the errors. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  gen: [],
  spool: [],
  transport: ['gen', 'event-json'],
  send: ['spool', 'transport'],
};

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => {
    const text = readFileSync(path.join(source, name), 'utf8');
    const imports = [...text.matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)].map(
      (found) => found[1]!,
    );
    return { name, folder: name.includes('/') ? name.split('/')[0]! : '', imports };
  });

it('imports in one direction, and nothing from outside the package', () => {
  const broken: string[] = [];
  for (const { name, folder, imports } of files) {
    for (const specifier of imports.filter((each) => each.startsWith('.'))) {
      const target = path.join(path.dirname(name), specifier);
      const [top = ''] = target.replace(/\.ts$/, '').split('/');
      const allowed = mayImport[folder];
      if (target.startsWith('..')) broken.push(`${name} imports ${target}`);
      else if (allowed !== undefined && ![...allowed, folder, 'headgate-error'].includes(top)) {
        broken.push(`${name} imports ${top}`);
      }
    }
  }
  expect(broken).toEqual([]);
});

it('has a folder for each part, and no others', () => {
  const folders = new Set(files.map(({ folder }) => folder).filter((folder) => folder !== ''));
  expect(folders).toEqual(new Set(Object.keys(mayImport)));
});

it('loads the RPC libraries in one place, which is loaded when it is needed', () => {
  const users = files.filter(({ imports }) =>
    imports.some((each) => each.startsWith('@connectrpc/')),
  );
  expect(users.map(({ name }) => name)).toEqual(['transport/rpc-transport.ts']);
  const loaders = files.filter(({ imports }) =>
    imports.some((each) => each.endsWith('/rpc-transport.ts')),
  );
  expect(loaders.map(({ name }) => name)).toEqual(['transport/open-transport.ts']);
});

it('has no drawers, and names in kebab-case', () => {
  const own = files
    .filter(({ folder }) => folder !== 'gen')
    .map(({ name }) => path.basename(name, '.ts'));
  expect(own.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
  expect(
    own.filter((name) => /^(utils?|helpers?|common|lib|types|interfaces|misc|shared)$/.test(name)),
  ).toEqual([]);
});

it('does no work when it is imported', async () => {
  const before = process.getActiveResourcesInfo().length;
  for (const { name } of files) await import(path.join(source, name));
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
});
