import { describe, expect, test } from 'vitest';

import { StartError } from '../errors.ts';
import { destinationTypes, type Given } from './read-config.fixture.ts';
import {
  readSchemasDir,
  readSomeDestinations,
  type SomeDestinations,
  type WantedDestinations,
} from './read-some-settings.ts';

/* A command uses a part of the configuration, in a shell that has the secrets of no other part. */

const sourcesOf = ({ file = '', env = {} }: Given) => ({
  env,
  readFile: () => file,
  destinationTypes,
});

const readSome = (given: Given, wanted: WantedDestinations): SomeDestinations =>
  readSomeDestinations(sourcesOf(given), wanted);

function faultsOfSome(given: Given, wanted: WantedDestinations): string[] {
  try {
    readSome(given, wanted);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

const named = (name: string): WantedDestinations => ({ name });
const ofTypes = (...types: string[]): WantedDestinations => ({ types });

/** Everything but `lake` is wrong, each in its own way. */
const file = `
listen: 0.0.0.0:99999
admin: { token: "\${ADMIN_TOKEN}", listen: 0.0.0.0:1 }
keys:
  web: { key: "\${WEB_KEY}" }
destinations:
  lake: { type: sqlite, path: /tmp/lake.db, busy_timeout: 7s }
  lake2: { type: sqlite, path: "\${LAKE2}" }
  crm: { type: webhook, url: "https://crm.example", secret: "\${CRM_SECRET}" }
  other: { type: webhook, url: "https://crm.example", secret: s, concurrency: 9999, colour: red }
  far: { type: fax }
`;

describe('some destinations', () => {
  test('are read, whatever is wrong elsewhere', () => {
    const some = readSome({ file }, named('lake'));
    expect(some.destinations).toMatchObject([
      { name: 'lake', type: 'sqlite', settings: { path: '/tmp/lake.db' } },
    ]);
    expect(some.names).toEqual(['lake', 'lake2', 'crm', 'other', 'far']);
  });

  test('take their variables, and the default warehouse its folder', () => {
    const env = { HEADGATE_DESTINATIONS_LAKE_PATH: '/tmp/other.db' };
    expect(readSome({ file, env }, named('lake')).destinations[0]).toMatchObject({
      settings: { path: '/tmp/other.db' },
    });
    const fromFolder = readSome({ file: 'data_dir: /var/h' }, named('warehouse'));
    expect(fromFolder.destinations[0]).toMatchObject({ settings: { path: '/var/h/warehouse.db' } });
  });

  test('name their own faults, and no others', () => {
    expect(faultsOfSome({ file }, named('crm'))).toEqual([
      'headgate.yaml: destinations.crm.secret: asks for ${CRM_SECRET}, which the environment does not have: set CRM_SECRET',
    ]);
    const other = faultsOfSome({ file }, named('other'));
    expect(other).toHaveLength(2);
    expect(other.join('\n')).toMatch(/other\.colour(.|\n)*other\.concurrency/);
    expect(faultsOfSome({ file }, named('far'))).toEqual([
      expect.stringContaining('destinations.far.type: "fax" is not known'),
    ]);
    // A name that begins another name.
    expect(faultsOfSome({ file }, named('lake'))).toEqual([]);
    expect(faultsOfSome({ file }, named('lake2'))).toHaveLength(1);
    const env = { HEADGATE_DESTINATIONS_LAKE_BUSY_TIMEOUT: 'soon' };
    expect(faultsOfSome({ file, env }, named('lake'))).toEqual([
      expect.stringContaining('HEADGATE_DESTINATIONS_LAKE_BUSY_TIMEOUT: '),
    ]);
  });

  test('are not read from a file or a section that cannot be read', () => {
    expect(faultsOfSome({ file: 'a: [' }, named('lake'))).toHaveLength(1);
    expect(faultsOfSome({ file: 'destinations: 7' }, named('lake'))).toEqual([
      expect.stringContaining('destinations: is not a map'),
    ]);
    expect(faultsOfSome({ file: 'data_dir: "${NIX}"' }, ofTypes('sqlite'))).toEqual([
      expect.stringContaining('data_dir: asks for ${NIX}'),
    ]);
    const elsewhere = 'data_dir: "${NIX}"\ndestinations: { lake: { type: sqlite, path: a.db } }';
    expect(faultsOfSome({ file: elsewhere }, named('lake'))).toEqual([]);
  });

  test('of some types are not read while another one may be of these types', () => {
    const lake = 'lake: { type: sqlite, path: a.db }';
    const faultOf = (other: string): string[] =>
      faultsOfSome({ file: `destinations: { ${lake}, ${other} }` }, ofTypes('sqlite'));
    expect(faultOf('crm: { type: webhook, secret: "${NIX}" }')).toEqual([]);
    for (const other of ['pg: { type: sqlight }', 'pg: { type: "${NIX}" }', 'pg: {}', 'pg: 5']) {
      expect(faultOf(other)).toEqual([expect.stringContaining('destinations.pg')]);
      const file = `destinations: { ${lake}, ${other} }`;
      expect(faultsOfSome({ file }, named('lake'))).toEqual([]);
    }
    const env = { HEADGATE_DESTINATIONS_LAKE_PTH: 'b.db', HEADGATE_DESTINATIONS_CRM_SECRT: 's' };
    const crm = 'crm: { type: webhook, url: "https://crm.example", secret: s }';
    const file = `destinations: { ${lake}, ${crm} }`;
    expect(faultsOfSome({ file, env }, ofTypes('sqlite'))).toEqual([
      expect.stringContaining('HEADGATE_DESTINATIONS_LAKE_PTH: is not known'),
    ]);
  });
});

test('the folder of contracts is named, or the default', () => {
  expect(readSchemasDir(sourcesOf({ file }))).toEqual({
    schemasDir: './schemas',
    schemasDirNamed: false,
  });
  const env = { HEADGATE_SCHEMAS_DIR: '/etc/schemas' };
  expect(readSchemasDir(sourcesOf({ file, env }))).toEqual({
    schemasDir: '/etc/schemas',
    schemasDirNamed: true,
  });
});
