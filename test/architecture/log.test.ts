import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const jetstream = path.join(root, 'src', 'jetstream');

interface SourceText {
  /** From the root: `src/jetstream/log.ts`. */
  readonly name: string;
  readonly text: string;
}

function filesIn(folder: string, ending: string): SourceText[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
    .map((name) => ({
      name: path.relative(root, path.join(folder, name)),
      text: readFileSync(path.join(folder, name), 'utf8'),
    }));
}

/** All code that uses a log, besides its own folder and the tests. */
const users = ['src', 'bench', 'scripts', 'examples']
  .flatMap((folder) => filesIn(path.join(root, folder), '.ts'))
  .filter(({ name }) => !name.startsWith('src/jetstream/') && !name.endsWith('.test.ts'));

it('hides its clients: only src/jetstream and tests reach them', () => {
  const access =
    /jetstream\/clients\.ts'|\bclients(Of|ForTests)\b|\blog\)?\.(manager|connection)\b|\{[^{}]*\b(manager|connection)\b[^{}]*\} = [\w.]*\blog;/;
  expect(users.filter(({ text }) => access.test(text)).map(({ name }) => name)).toEqual([]);
});

it('opens the clients to tests by one function, which src does not use', () => {
  const broken = filesIn(jetstream, '.ts')
    .filter(({ name }) => !name.endsWith('.test.ts') && !name.endsWith('/clients.ts'))
    .filter(({ text }) => text.includes('clientsForTests'))
    .map(({ name }) => name);
  expect(broken).toEqual([]);
});

it('shows nothing of NATS: no export that is used outside has a type of @nats-io', () => {
  const natsNames = namesWithNatsTypes(declareJetstream());
  const broken: string[] = [];
  for (const { name, text } of users) {
    for (const { names, from } of importsOf(text)) {
      if (!from.startsWith('.')) continue;
      const target = path.resolve(root, path.dirname(name), from);
      if (!target.startsWith(`${jetstream}${path.sep}`)) continue;
      const inFile = natsNames.get(path.relative(jetstream, target)) ?? new Set();
      for (const each of names) if (inFile.has(each)) broken.push(`${name} imports ${each}`);
    }
  }
  expect(broken).toEqual([]);
});

/** The declarations of src/jetstream, by file (`read/read.ts`): what its exports look like outside. */
function declareJetstream(): Map<string, string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-declarations-'));
  try {
    const config = path.join(folder, 'tsconfig.json');
    writeFileSync(
      config,
      JSON.stringify({
        extends: path.join(root, 'tsconfig.json'),
        compilerOptions: {
          noEmit: false,
          declaration: true,
          emitDeclarationOnly: true,
          rootDir: root,
          outDir: path.join(folder, 'out'),
          typeRoots: [path.join(root, 'node_modules', '@types')],
        },
        include: [jetstream],
        exclude: ['**/*.test.ts'],
      }),
    );
    execFileSync(path.join(root, 'node_modules', '.bin', 'tsc'), ['-p', config]);
    const out = path.join(folder, 'out', 'src', 'jetstream');
    return new Map(
      readdirSync(out, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.d.ts'))
        .map((name) => [
          name.replace(/\.d\.ts$/, '.ts'),
          readFileSync(path.join(out, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, ''),
        ]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function importsOf(text: string): { readonly names: string[]; readonly from: string }[] {
  const found = text.matchAll(/\b(?:import|export) (?:type )?\{([^}]*)\} from '([^']+)'/g);
  return [...found].map(([, list, from]) => ({
    names: list!
      .split(',')
      .map(
        (name) =>
          name
            .trim()
            .replace(/^type /, '')
            .split(' as ')[0]!,
      )
      .filter((name) => name !== ''),
    from: from!,
  }));
}

/** By file: every name that is a type of `@nats-io`, or whose declaration mentions one. */
function namesWithNatsTypes(declarations: ReadonlyMap<string, string>): Map<string, Set<string>> {
  const natsNames = new Map([...declarations.keys()].map((file) => [file, new Set<string>()]));
  for (let changed = true; changed;) {
    changed = false;
    for (const [file, text] of declarations) {
      const names = natsNames.get(file)!;
      const before = names.size;
      for (const { names: imported, from } of importsOf(text)) {
        const origin = natsNames.get(path.join(path.dirname(file), from));
        const isNats = (name: string): boolean =>
          from.startsWith('@nats-io/') || origin?.has(name) === true;
        for (const name of imported.filter(isNats)) names.add(name);
      }
      for (const { name, declaration } of declarationsIn(text)) {
        const words = declaration.match(/\w+/g) ?? [];
        const isNats = declaration.includes('@nats-io/') || words.some((each) => names.has(each));
        if (isNats) names.add(name);
      }
      changed ||= names.size > before;
    }
  }
  return natsNames;
}

function declarationsIn(text: string): { readonly name: string; readonly declaration: string }[] {
  const start =
    /^(?:export )?(?:declare )?(?:const|function|interface|type|(?:abstract )?class) (\w+)/;
  return text
    .split(/\n(?=(?:export|declare|interface|type) ?)/)
    .map((declaration) => ({ name: start.exec(declaration)?.[1] ?? '', declaration }))
    .filter(({ name }) => name !== '');
}

it('finds types of @nats-io where they are', () => {
  const found = namesWithNatsTypes(declareJetstream());
  expect(found.get('clients.ts')).toContain('clientsOf');
  expect(found.get('connection.ts')).toContain('connectToServer');
  expect(found.get('consume/consumer-position.ts')).toContain('positionOf');
  expect(found.get('log.ts')).toEqual(new Set());
});
