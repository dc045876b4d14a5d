import { expect, test } from 'vitest';

import { decodeTrackRest } from '../gate/decode/decode-json.ts';
import { readRegistry } from './schema-registry.ts';
import { orderTaxonomy, schemasFolder, validationOf } from './schemas-folder.fixture.ts';

/** Numbers that are equal as doubles. */
const [one, neighbour] = ['9007199254740993', '9007199254740992'];

const ids = {
  type: 'object',
  properties: {
    ids: { type: 'array', uniqueItems: true, maxItems: 10, items: { type: 'integer' } },
    name: { type: 'string' },
  },
};

async function codesOf(properties: string): Promise<string[]> {
  const { validate } = await validationOf(ids);
  const event = decodeTrackRest(
    Buffer.from(
      '{"event_name":"order_completed","user_id":"u",' +
        `"idempotency_key":"0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11","properties":${properties}}`,
    ),
  );
  return (validate(event).error?.violations ?? []).map(({ path }) => path);
}

test('uniqueItems compares all digits of ids beyond 2^53', async () => {
  expect(await codesOf(`{"ids":[${one},${neighbour}]}`)).toEqual([]);
  expect(await codesOf(`{"ids":[${one},${neighbour},${one}]}`)).toEqual(['/properties/ids']);
  expect(await codesOf(`{"ids":[${one},${one}.0]}`)).toEqual(['/properties/ids']);
  expect(await codesOf('{"ids":[1,1]}')).toEqual(['/properties/ids']);
  // The other violations stay.
  expect(await codesOf(`{"ids":[${one},${neighbour}],"name":1}`)).toEqual(['/properties/name']);
});

test('a schema cannot choose among whole numbers beyond 2^53', async () => {
  const choices = [
    ['const', one],
    ['const', neighbour],
    ['enum', `[1,${one}]`],
    ['enum', `[{"a":[-${one}]}]`],
  ] as const;
  for (const [keyword, value] of choices) {
    const schema = `{"type":"object","properties":{"id":{"${keyword}":${value}}}}`;
    const files = { 'taxonomy.yaml': orderTaxonomy(), 'order_completed/1.json': schema };
    const { faults } = await readRegistry(schemasFolder(files));
    expect(faults.map(({ problem }) => problem)).toEqual([
      expect.stringContaining(`/properties/id/${keyword} has a whole number beyond 2^53`),
    ]);
  }
  const fine = {
    type: 'object',
    properties: {
      id: { type: 'integer', maximum: 2 ** 63 },
      kind: { type: 'integer', enum: [1, 2 ** 53 - 1] },
      named: { const: one },
    },
  };
  const files = { 'taxonomy.yaml': orderTaxonomy(), 'order_completed/1.json': fine };
  expect((await readRegistry(schemasFolder(files))).faults).toEqual([]);
});
