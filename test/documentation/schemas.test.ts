import { expect, test } from 'vitest';

import { compileVersion } from '../../src/validation/schema-registry.ts';
import { fencesOf, readPage } from './markdown.ts';

const [example] = fencesOf(readPage('docs/contracts/schemas.md')).filter(
  ({ language }) => language === 'json',
);

test('the schema of the page compiles, and takes and refuses what it says', () => {
  const faults: string[] = [];
  const schema = JSON.parse(example!.text) as Parameters<typeof compileVersion>[1];
  const version = compileVersion(1, schema, (problem) => void faults.push(problem))!;
  expect(faults).toEqual([]);
  const good = { amount: 12.5, due_date: '2026-03-01', address: { city: 'Bern' } };
  const refused = (change: object): boolean =>
    version.findingsIn({ ...good, ...change }) !== undefined;
  expect(refused({})).toBe(false);
  expect(refused({ payment_method: 'card' })).toBe(false);
  expect(refused({ amount: 12.505 })).toBe(true);
  expect(refused({ due_date: '01.03.2026' })).toBe(true);
  expect(refused({ payment_method: 'cash' })).toBe(true);
  expect(refused({ address: {} })).toBe(true);
});
