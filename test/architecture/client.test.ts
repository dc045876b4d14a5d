import path from 'node:path';

import { expect, it } from 'vitest';

import { isTest, readSources, root } from './source-files.ts';

const source = path.join(root, 'client/src');

/** What each folder of the client may import, besides itself and the errors. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  gen: [],
  spool: [],
  transport: ['gen', 'event-json'],
  send: ['spool', 'transport'],
};

const files = readSources('client/src')
  .filter(({ name }) => !isTest(name))
  .map((file) => {
    // From client/src/: `send/sender.ts`.
    const name = path.relative('client/src', file.name);
    return { ...file, name, folder: name.includes('/') ? name.split('/')[0]! : '' };
  });

it('imports in one direction, and nothing from outside the package', () => {
  const broken: string[] = [];
  for (const { name, folder, specifiers } of files) {
    for (const specifier of specifiers.filter((each) => each.startsWith('.'))) {
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
  const users = files.filter(({ specifiers }) =>
    specifiers.some((each) => each.startsWith('@connectrpc/')),
  );
  expect(users.map(({ name }) => name)).toEqual(['transport/rpc-transport.ts']);
  const loaders = files.filter(({ specifiers }) =>
    specifiers.some((each) => each.endsWith('/rpc-transport.ts')),
  );
  expect(loaders.map(({ name }) => name)).toEqual(['transport/open-transport.ts']);
});

it('does no work when it is imported', async () => {
  const before = process.getActiveResourcesInfo().length;
  for (const { name } of files) await import(path.join(source, name));
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
});
