import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { clientPackages, loadWithClient, missingClient } from './client-package.ts';

it('has the packages and the major versions of package.json', () => {
  const { peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as Record<string, Record<string, unknown>>;
  const { vitest: _tests, ...clients } = peerDependencies!;
  const majors = Object.entries(clients).map(([name, range]) => [
    name,
    /^\^(\d+)\./.exec(String(range))?.[1],
  ]);
  expect(Object.fromEntries(majors)).toEqual(clientPackages);
  for (const name of Object.keys(peerDependencies!)) {
    expect(peerDependenciesMeta![name]).toEqual({ optional: true });
  }
});

const missing = (name: string) => () =>
  Promise.reject(
    Object.assign(new Error(`Cannot find package '${name}' imported from x`), {
      code: 'ERR_MODULE_NOT_FOUND',
    }),
  );

it('says beforehand which package is missing', async () => {
  for (const type of [
    'postgres',
    'clickhouse',
    'kafka',
    'sqs',
    'pubsub',
    'bigquery',
    'snowflake',
    's3',
    'gcs',
    'webhook',
  ]) {
    expect(await missingClient(type)).toBeUndefined();
  }
  const clients = { postgres: { name: 'pg', load: missing('pg') } } as const;
  expect(await missingClient('postgres', clients)).toContain('Run "npm install pg@8"');
});

it('passes on every other error as it is', async () => {
  await expect(loadWithClient('postgres', 'pg', missing('pg'))).rejects.toThrow(
    'Run "npm install pg@8" in the folder where Headgate is installed',
  );
  await expect(loadWithClient('postgres', 'pg', missing('pg-pool'))).rejects.toThrow('Cannot find');
  await expect(
    loadWithClient('postgres', 'pg', () => Promise.reject(new Error("no 'pg' today"))),
  ).rejects.toThrow("no 'pg' today");
});
