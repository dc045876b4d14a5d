import { expect, test } from 'vitest';

import { createValidation } from '../validation.ts';
import { loadRegistry, readRegistry } from '../schema-registry.ts';
import { orderCompleted, orderTaxonomy, schemasFolder } from '../schemas-folder.fixture.ts';

const total = (type: string) => ({
  type: 'object',
  additionalProperties: false,
  properties: { total: { type } },
});

function folder(lines: string): string {
  return schemasFolder({
    'taxonomy.yaml': orderTaxonomy(lines),
    'order_completed/1.json': total('number'),
    'order_completed/2.json': total('string'),
    'order_completed/3.json': total('integer'),
  });
}

test('validates an event of a superseded version by its successor, and stores it as that version', async () => {
  const { validate } = createValidation(await loadRegistry(folder(', supersedes: { 3: [2] }')));
  const sent = (total: number | string, schemaVersion: number) =>
    validate(orderCompleted({ schemaVersion, properties: { total } }));
  expect(sent(1, 2)).toMatchObject({ error: undefined, warnings: [], schemaVersion: 3 });
  expect(sent('1', 2).error?.message).toContain('break version 3 of order_completed');
  expect(sent(1.5, 1)).toMatchObject({ error: undefined, schemaVersion: 1 });
});

test('warns producers of a deprecated version, and names the version to send', async () => {
  const { validate } = createValidation(await loadRegistry(folder(', deprecated: [3]')));
  const event = orderCompleted({ schemaVersion: 3, properties: { total: 1 } });
  expect(validate(event)).toMatchObject({ error: undefined, schemaVersion: 3 });
  expect(validate(event).warnings).toEqual([
    {
      code: 'deprecated_schema_version',
      message: 'version 3 of order_completed is deprecated: send version 1',
      violations: [],
    },
  ]);
  expect(validate(event)).toBe(validate(event));
});

test.each([
  [', supersedes: [2]', 'supersedes is not a mapping'],
  [', supersedes: { 2: [3] }', 'supersedes.2 is not a version with a list of earlier ones'],
  [', supersedes: { 3: 2 }', 'supersedes.3 is not a version with a list of earlier ones'],
  [', supersedes: { 3: [] }', 'supersedes.3 is not a version with a list of earlier ones'],
  [', supersedes: { x: [2] }', 'supersedes.x is not a version with a list of earlier ones'],
  [', supersedes: { 3: [1] }', 'supersedes has 3 for 1, which is active'],
  [', supersedes: { 3: [2, 2] }', 'supersedes names 2 twice'],
  [', supersedes: { 4: [2] }', 'names version 4, beyond the last, 3.json'],
  [', deprecated: 2', 'deprecated is not a list of versions'],
  [', deprecated: [0]', 'deprecated is not a list of versions'],
  [', deprecated: [1]', 'deprecated names 1, which is active'],
  [', deprecated: [4]', 'names version 4, beyond the last, 3.json'],
  [', compatibility: full', 'compatibility is not one of compatible, forward, backward, none'],
])('%s is refused', async (lines, problem) => {
  const { faults } = await readRegistry(folder(lines));
  expect(faults.map((fault) => fault.problem).join('\n')).toContain(problem);
  expect(faults).toHaveLength(1);
});

test('refuses a chain of superseded versions', async () => {
  const taxonomy = orderTaxonomy(', supersedes: { 2: [1], 3: [2] }').replace(
    'active: 1',
    'active: 3',
  );
  const { faults } = await readRegistry(
    schemasFolder({
      'taxonomy.yaml': taxonomy,
      ...Object.fromEntries([1, 2, 3].map((n) => [`order_completed/${n}.json`, total('number')])),
    }),
  );
  expect(faults).toMatchObject([
    {
      problem: 'events.order_completed.supersedes has 2 for 1, and 3 for 2',
      mending: 'Name 1 under 3: each version names the one that validates directly.',
    },
  ]);
});
