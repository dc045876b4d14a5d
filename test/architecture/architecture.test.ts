import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = path.join(root, 'src');

/**
 * What each stage may import, besides itself. `cli` and `main.ts` stand above all of them.
 *
 * Generated messages (`gen`) belong to the edges: `gate` for producers, `operators` for operators. The
 * log stores ProtoJSON of the contract, and the stages between have plain types for it: `StoredEvent`,
 * `DeliveryAttempt`, `StoredDeadLetter`.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  event: [],
  tracing: [],
  config: ['errors'],
  observability: ['event', 'errors'],
  validation: ['event', 'errors'],
  http: ['errors', 'config'],
  jetstream: ['event', 'errors', 'config'],
  gate: ['gen', 'event', 'errors', 'config', 'observability', 'tracing', 'http'],
  destinations: ['event', 'errors', 'tracing'],
  delivery: ['event', 'config', 'jetstream', 'destinations', 'observability', 'tracing'],
  'dead-letters': ['event', 'errors', 'jetstream', 'observability'],
  quarantine: ['event', 'errors', 'jetstream'],
  reconciliation: ['event', 'destinations', 'jetstream'],
  locate: [
    'event',
    'errors',
    'jetstream',
    'destinations',
    'delivery',
    'quarantine',
    'reconciliation',
  ],
  tail: ['event', 'errors', 'jetstream', 'quarantine'],
  canary: ['event', 'config', 'jetstream', 'delivery', 'destinations', 'observability'],
  registry: ['event', 'errors', 'jetstream', 'observability', 'validation'],
  catalog: ['event', 'validation'],
  codegen: ['event', 'errors', 'validation'],
  operators: [
    'gen',
    'event',
    'errors',
    'config',
    'observability',
    'validation',
    'http',
    'jetstream',
    'gate',
    'delivery',
    'dead-letters',
    'quarantine',
    'locate',
    'tail',
    'registry',
  ],
  service: [
    'event',
    'errors',
    'config',
    'observability',
    'validation',
    'jetstream',
    'gate',
    'destinations',
    'delivery',
    'dead-letters',
    'quarantine',
    'tail',
    'canary',
    'registry',
    'operators',
  ],
};

/** One folder alone speaks to each of these. */
const owners: readonly (readonly [pattern: RegExp, folder: string])[] = [
  [/^@nats-io\//, 'jetstream'],
  [/^ajv/, 'validation'],
  [/^prom-client$/, 'observability'],
  [/^pino$/, 'observability'],
  [/^@opentelemetry\//, 'tracing'],
  [/^@connectrpc\/connect-node$/, 'http'],
  [/^undici$/, 'destinations'],
  [/^(pg|@clickhouse\/|hyparquet)/, 'destinations'],
  [/^@platformatic\/kafka$/, 'destinations'],
];

interface SourceFile {
  /** From src/: `http/listen.ts`. */
  readonly name: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sourceFiles(): SourceFile[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name))
    .map((name) => {
      const text = readFileSync(path.join(source, name), 'utf8');
      const imports = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(
        (found) => found[1]!,
      );
      const folder = name.includes('/') ? name.split('/')[0]! : '';
      return { name, folder, text, imports };
    });
}

/** The folder of src/ (or `gen`, or a file of src/ itself) that a relative import leads to. */
function targetOf(file: SourceFile, specifier: string): string {
  const target = path.relative(root, path.resolve(source, path.dirname(file.name), specifier));
  const [top, second] = target.split(path.sep);
  return top === 'src' ? second!.replace(/\.ts$/, '') : top!;
}

const files = sourceFiles();

describe('the stages', () => {
  it('are the folders of src/, and no others', () => {
    const folders = readdirSync(source, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(new Set(folders)).toEqual(new Set([...Object.keys(mayImport), 'cli']));
  });

  it('import in one direction', () => {
    const broken: string[] = [];
    for (const file of files) {
      const allowed = mayImport[file.folder];
      if (allowed === undefined) continue;
      for (const specifier of file.imports.filter((each) => each.startsWith('.'))) {
        const target = targetOf(file, specifier);
        if (target !== file.folder && !allowed.includes(target)) {
          broken.push(`${file.name} imports ${target}`);
        }
      }
    }
    expect(broken).toEqual([]);
  });

  it('have each outside library in one place', () => {
    const broken: string[] = [];
    for (const file of files.filter(({ folder }) => folder !== 'cli')) {
      for (const specifier of file.imports) {
        const owner = owners.find(([pattern]) => pattern.test(specifier));
        if (owner !== undefined && owner[1] !== file.folder) {
          broken.push(`${file.name} imports ${specifier}`);
        }
      }
    }
    expect(broken).toEqual([]);
  });
});

describe('one place for each', () => {
  it('of ack, nak, term and working: delivery settles in settle.ts alone', () => {
    const broken = files
      .filter(({ folder, name }) => folder === 'delivery' && name !== 'delivery/settle.ts')
      .filter(({ text }) => /\.(ack|nak|term)\(/.test(text))
      .map(({ name }) => name);
    expect(broken).toEqual([]);
  });

  it('of process.env: the two entries', () => {
    const broken = files
      .filter(({ name }) => name !== 'main.ts' && name !== 'cli/main.ts')
      .filter(({ text }) => /process\.env\b/.test(text))
      .map(({ name }) => name);
    expect(broken).toEqual([]);
  });
});

describe('files', () => {
  it('have no drawers among them', () => {
    const drawer = /^(utils?|helpers?|common|lib|types|interfaces|misc|shared)$/;
    const broken = files
      .map(({ name }) => name)
      .filter((name) => name.split('/').some((part) => drawer.test(part.replace(/\.ts$/, ''))));
    expect(broken).toEqual([]);
  });

  it('are named in kebab-case', () => {
    const broken = files
      .map(({ name }) => path.basename(name, '.ts'))
      .filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name));
    expect(broken).toEqual([]);
  });

  it('do no work when they are imported', async () => {
    const before = process.getActiveResourcesInfo().length;
    for (const { name } of files) {
      // The entries run on import, and a worker thread's file runs in a thread alone.
      if (/(^|\/)main\.ts$|sqlite-writer\.ts$|parquet-exporter\.ts$/.test(name)) continue;
      await import(path.join(source, name));
    }
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
  });
});

describe('the top level', () => {
  it('has what the layout says', () => {
    const wanted = ['proto', 'gen', 'schemas', 'docs', 'deploy', 'examples', 'bench'];
    expect(wanted.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
  });
});
