import path from 'node:path';

import { expect, it } from 'vitest';

import { isTest, readSources } from './source-files.ts';

/** What each folder of the console may import, besides itself and the generated messages. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  service: [],
  navigation: [],
  parts: ['service', 'navigation'],
  'event-form': ['service', 'parts'],
  'sign-in': ['service', 'parts'],
  pages: ['service', 'navigation', 'parts', 'event-form'],
  shell: ['service', 'navigation', 'parts', 'pages'],
};
const packages = ['preact', 'preact/hooks', '@bufbuild/protobuf', '@bufbuild/protobuf/wkt'];
/** Only the folder that calls the service speaks to these. */
const rpcPackages = ['@connectrpc/connect', '@connectrpc/connect-web'];

const files = readSources('console')
  .filter(({ name }) => !isTest(name))
  .map((file) => {
    // From console/: `pages/live/live-page.tsx`.
    const name = path.relative('console', file.name);
    return { ...file, name, folder: name.includes('/') ? name.split('/')[0]! : '' };
  });

it('imports in one direction, and of the rest of the repository the generated messages alone', () => {
  const broken: string[] = [];
  for (const { name, folder, specifiers } of files) {
    for (const specifier of specifiers.filter((each) => each.startsWith('.'))) {
      const target = path.join(path.dirname(name), specifier);
      const top = target.split('/')[0]!;
      if (target.startsWith('../gen/')) continue;
      if (target.startsWith('..')) broken.push(`${name} imports ${target}`);
      else if (folder !== '' && ![...mayImport[folder]!, folder].includes(top)) {
        broken.push(`${name} imports ${target}`);
      }
    }
  }
  expect(broken).toEqual([]);
});

it('has a folder for each part, and no others', () => {
  const folders = new Set(files.map(({ folder }) => folder).filter((folder) => folder !== ''));
  expect(folders).toEqual(new Set(Object.keys(mayImport)));
});

it('loads few packages, so that it stays small', () => {
  const broken = files.flatMap(({ name, folder, specifiers }) => {
    const allowed = folder === 'service' ? [...packages, ...rpcPackages] : packages;
    return specifiers
      .filter((each) => !each.startsWith('.') && !allowed.includes(each))
      .map((each) => `${name} imports ${each}`);
  });
  expect(broken).toEqual([]);
});

it('writes no HTML, so that nothing an event holds becomes markup', () => {
  const forbidden = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/;
  const broken = files.filter(({ text }) => forbidden.test(text)).map(({ name }) => name);
  expect(broken).toEqual([]);
  const scripts = files.filter(({ text }) => /dangerouslySet|href=\{`?javascript/.test(text));
  expect(scripts.map(({ name }) => name)).toEqual([]);
});
