import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';
import { parse, parseDocument, visit } from 'yaml';

import { createParquetDestination } from '../../../src/destinations/parquet/parquet.ts';
import type { EventContract } from '../../../src/event/contracts/event-contract.ts';
import type { JsonObject } from '../../../src/event/json/json.ts';
import { eventContractsOf } from '../../../src/validation/schema/event-contracts.ts';
import { loadRegistry } from '../../../src/validation/schema-registry.ts';
import { runCli } from '../../cli/run-cli.ts';
import { deliveryOfEvent, never } from '../../destinations/deliveries.ts';
import { parquetSettings } from '../../destinations/parquet-far-side.ts';
import { dbtProgram, whyNoDbt } from './dbt-program.ts';

interface Column {
  readonly name: string;
  readonly config?: { readonly meta: { readonly property: string } };
  readonly data_type?: string;
  readonly description?: string;
  readonly data_tests?: readonly unknown[];
}
interface Source {
  readonly name: string;
  readonly schema?: string;
  readonly config?: { readonly external_location: string };
  readonly tables: readonly { readonly name: string; readonly columns: readonly Column[] }[];
}

const braces = 'A {{ ref("x") }} {% raw %} {# no #} text: "quoted", \\ and # more';
/** Texts that YAML 1.1 reads as something else where they have no quotes, or not at all. */
const odd = [
  'on off yes no y N true null ~ = << - *a &a 12:30 2026-01-01 1_000 0o7 017 0x1f 0b1 .5 1e3 .inf 1 #'.split(
    ' ',
  ),
  ['', ' '],
].flat();
const control = 'no: a\u007f\u0085b\u2028c\ufeffd\uffff\ne \ud800';
const first = {
  type: 'object',
  required: ['method', 'nested', 'count'],
  properties: {
    method: { enum: ['email', 'phone'], description: braces },
    quoted: { enum: ["it's", 'b'] },
    nested: { type: 'object', required: ['deep'], properties: { deep: { type: 'string' } } },
    referred: { $ref: '#/$defs/code' },
    maybe: { type: 'object', required: ['deep'], properties: { deep: { type: 'string' } } },
    count: { type: ['integer', 'null'] },
    units: { type: 'integer' },
    yes: { enum: odd, description: 'off' },
    control: { type: 'string', description: control },
    'Straße {{ x }}/~': { type: 'string' },
  },
  $defs: { code: { type: 'string', title: 'A code.' } },
};
const second = {
  ...first,
  required: ['nested', 'units'],
  properties: { ...first.properties, units: { type: 'string' } },
};

const taxonomy = `verbs: [made]
events:
  thing_made: { owner: shop, description: ${JSON.stringify(braces)}, active: 2, compatibility: none }
  other_made: { owner: shop, description: Of no contract., active: 1, mode: off }
`;

/** A folder with contracts, a configuration and what the command wrote. */
async function writeSources(destinations: string): Promise<{ folder: string; sources: Source[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-dbt-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const schemas = path.join(folder, 'schemas');
  for (const [file, text] of [
    ['taxonomy.yaml', taxonomy],
    ['thing_made/1.json', JSON.stringify(first)],
    ['thing_made/2.json', JSON.stringify(second)],
    ['other_made/1.json', JSON.stringify(first)],
  ] as const) {
    mkdirSync(path.dirname(path.join(schemas, file)), { recursive: true });
    writeFileSync(path.join(schemas, file), text);
  }
  const config = path.join(folder, 'headgate.yaml');
  writeFileSync(config, `destinations:\n${destinations.replaceAll('FOLDER', folder)}`);
  const out = path.join(folder, 'models');
  const args = ['schemas', 'docs', '--format', 'dbt', '--out', out];
  const answer = await runCli([...args, '--schemas', schemas, '--config', config], {});
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  const text = readFileSync(path.join(out, 'sources.yml'), 'utf8');
  const { version, sources } = parse(text) as { version: number; sources: Source[] };
  expect(version).toBe(2);
  // dbt reads YAML 1.1.
  expect(parse(text, { version: '1.1' })).toEqual(parse(text));
  const plain: unknown[] = [];
  visit(parseDocument(text), {
    Scalar: (key, { type, value }) => {
      if (key !== 'key' && type === 'PLAIN' && typeof value === 'string') plain.push(value);
    },
  });
  expect(plain).toEqual([]);
  return { folder, sources };
}

const rows = (versions: string): object => ({
  where: `schema_version in (${versions}) and warnings is null and misfits is null`,
});

test('each destination with tables is a source, and each column has what its contract says', async () => {
  const { sources } = await writeSources(`
  warehouse: { type: sqlite, path: FOLDER/w.db, tables: per_event, events: ["thing_*"] }
  pg: { type: postgres, url: "postgres://u@h:1/d", table: analytics.events, tables: both, table_prefix: hg_ }
  olap: { type: clickhouse, url: "http://h:1", database: raw, tables: both }
  lake: { type: parquet, path: FOLDER/lake, tables: both }
  plain: { type: sqlite, path: FOLDER/p.db }
`);
  expect(sources.map(({ name, schema }) => [name, schema])).toEqual([
    ['warehouse', 'main'],
    ['pg', 'analytics'],
    ['olap', 'raw'],
    ['lake', undefined],
  ]);
  const [warehouse, pg, olap, lake] = sources.map(({ tables }) => tables);
  const names = (tables: Source['tables'] | undefined): string[] => tables!.map(({ name }) => name);
  expect(names(warehouse)).toEqual(['thing_made', 'thing_made_all', 'unplanned_events']);
  expect(names(pg)).toEqual([
    'hg_other_made',
    'hg_thing_made',
    'hg_thing_made_all',
    'hg_unplanned_events',
  ]);
  expect(names(lake)).toEqual(['other_made', 'thing_made', 'unplanned_events']);
  expect(sources[3]!.config!.external_location).toMatch(
    /^read_parquet\('.*\/lake\/\{name\}\/\*\*\/\*\.parquet', union_by_name = true\)$/,
  );
  const column = (tables: Source['tables'] | undefined, table: string, name: string): Column =>
    tables!.find((one) => one.name === table)!.columns.find((one) => one.name === name)!;
  const made = (name: string): Column => column(warehouse, 'thing_made', name);
  expect(column(warehouse, 'thing_made', 'event_id').data_tests).toEqual(['unique', 'not_null']);
  // FINAL shows each once; a plain query of a test may not.
  expect(column(olap, 'thing_made', 'event_id').data_tests).toEqual(['not_null']);
  expect(made('method')).toEqual({
    name: 'method',
    data_type: 'TEXT',
    description: 'A { { ref("x") }} { % raw %} { # no #} text: "quoted", \\ and # more',
    data_tests: [
      { not_null: { config: rows('1') } },
      {
        accepted_values: { arguments: { values: ['email', 'phone'] }, config: rows('1, 2') },
      },
    ],
  });
  // Names that do not say which property it is.
  const propertyIn = (name: string): string | undefined => made(name).config?.meta.property;
  expect(['units_v2', 'stra_e_x', 'nested_deep', 'method'].map(propertyIn)).toEqual([
    '/units',
    '/Straße { { x }}~1~0',
    undefined,
    undefined,
  ]);
  expect(made('nested_deep').data_tests).toEqual([{ not_null: { config: rows('1, 2') } }]);
  expect(made('units_v2').data_tests).toEqual([{ not_null: { config: rows('2') } }]);
  for (const name of ['quoted', 'maybe_deep', 'count', 'units']) {
    expect([name, made(name).data_tests]).toEqual([name, undefined]);
  }
  expect(made('referred').description).toBe('A code.');
  expect(made('yes')).toMatchObject({
    description: 'off',
    data_tests: [{ accepted_values: { arguments: { values: odd } } }],
  });
  expect(made('control').description).toBe(control.toWellFormed());
  // Its mode is off: anything may be stored.
  expect(column(pg, 'hg_other_made', 'method').data_tests).toBeUndefined();
  expect(column(pg, 'hg_thing_made', 'nested_deep').data_type).toBe('text');
});

test('without tables of events, it says what to set', async () => {
  const args = ['schemas', 'docs', '--format', 'dbt', '--out', path.join(tmpdir(), 'no-folder')];
  const { code, stderr } = await runCli(args, {});
  expect(code).toBe(1);
  expect(stderr).toContain('set tables: per_event, or both');
});

/** As the library of dbt reads it. */
function readByDbt(file: string): unknown {
  const program = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))';
  const { stdout } = spawnSync(`${path.dirname(dbtProgram)}/python`, ['-c', program, file], {
    encoding: 'utf8',
  });
  return (JSON.parse(stdout) as { sources: unknown }).sources;
}

const project = {
  'dbt_project.yml': 'name: hg\nversion: "1.0"\nprofile: hg\nmodel-paths: [models]\n',
  'profiles.yml':
    'hg: { target: duck, outputs: { duck: { type: duckdb, path: "hg.duckdb", threads: 1 } } }\n',
};

test.skipIf(whyNoDbt() !== undefined)('dbt reads the sources, and its tests pass', async () => {
  const { folder, sources } = await writeSources(
    '  lake: { type: parquet, path: FOLDER/lake, tables: per_event }\n',
  );
  const contracts: readonly EventContract[] = eventContractsOf(
    await loadRegistry(path.join(folder, 'schemas')),
  );
  const settings = parquetSettings(path.join(folder, 'lake'), { tables: 'per_event' });
  const context = { contracts: () => contracts };
  const destination = await createParquetDestination('lake', settings, context);
  const nested = { deep: 'x' };
  const events: [string, number, JsonObject, string?][] = [
    ['thing_made', 1, { method: 'email', nested, count: null }],
    ['thing_made', 2, { nested, units: 'many' }],
    // Stored with a warning: it breaks its contract, and no test counts it.
    ['thing_made', 2, { method: 'fax' }, 'warned'],
    ...odd.map((yes): [string, number, JsonObject] => [
      'thing_made',
      2,
      { nested, yes, units: '' },
    ]),
    ['other_made', 1, {}],
    ['any_other', 0, {}],
  ];
  const batch = events.map(([eventName, schemaVersion, properties, warned]) =>
    deliveryOfEvent({
      eventName,
      schemaVersion,
      properties,
      ...(warned === undefined ? {} : { warnings: [{ code: 'x', message: 'x' }] as never }),
    }),
  );
  await destination.deliver(batch, never);
  await destination.close();
  for (const [file, text] of Object.entries(project)) writeFileSync(path.join(folder, file), text);
  const dbt = (...args: string[]): string => {
    const env = { ...process.env, DBT_SEND_ANONYMOUS_USAGE_STATS: 'false', NO_COLOR: '1' };
    const all = ['--warn-error', '--no-use-colors', ...args, '--profiles-dir', '.'];
    const { status, stdout } = spawnSync(dbtProgram, all, { cwd: folder, env, encoding: 'utf8' });
    expect([args, status, stdout]).toEqual([args, 0, expect.any(String)]);
    return stdout;
  };
  expect(readByDbt(path.join(folder, 'models', 'sources.yml'))).toEqual(sources);
  dbt('parse', '--show-all-deprecations');
  const tests = sources[0]!.tables.flatMap(({ columns }) =>
    columns.flatMap((each) => each.data_tests ?? []),
  );
  expect(dbt('test')).toContain(`PASS=${tests.length} WARN=0 ERROR=0`);
});
