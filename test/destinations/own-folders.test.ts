import { expect, test } from 'vitest';

import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';

/** The error of a configuration with two destinations; empty if it can be read. */
function faultOf(one: string, other: string): string {
  const file = `destinations:\n  one: { ${one} }\n  other: { ${other} }\n`;
  try {
    readConfig({ env: {}, readFile: () => file, destinationTypes, configFile: undefined });
    return '';
  } catch (error) {
    return String(error);
  }
}

const s3 = (spool: string): string => `type: s3, bucket: b-1, region: eu-west-1, spool: ${spool}`;
const gcs = (spool: string): string => `type: gcs, bucket: b-2, spool: ${spool}`;
const bigquery = (dataset: string, journal: string): string =>
  `type: bigquery, project: my-project-1, dataset: ${dataset}, journal: ${journal}`;

test.each([
  ['spool', s3('./x'), gcs('x/')],
  ['journal', bigquery('a', './x'), bigquery('b', './x')],
])(
  'two destinations with one %s do not start: the second would write nothing',
  (setting, ...two) => {
    expect(faultOf(...two)).toContain(
      `destinations.other.${setting}: is the folder of destinations.one.${setting}, too`,
    );
  },
);

test.each([
  ['folders of their own', s3('./x'), gcs('./y')],
  // A second copy of a row is refused there, and is in the one file all the same.
  ['one database', 'type: sqlite, path: ./x', 'type: sqlite, path: ./x'],
])('two destinations with %s start', (_what, one, other) => {
  expect(faultOf(one, other)).toBe('');
});
