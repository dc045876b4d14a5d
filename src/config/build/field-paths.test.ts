import { expect, test } from 'vitest';

import { faultsOf, read } from '../read-config.fixture.ts';

const destination = (rest: string): string =>
  `destinations:\n  crm: { type: webhook, url: "https://crm.example/h", secret: s3cret, ${rest} }`;

test('the fields of a destination are read, and the key stays a secret', () => {
  const config = read({
    file: destination(
      'sources: ["shop-*"], fields: { allow: [/user_id, /properties], drop: [/properties/a~1b/*], ' +
        'hash: [/user_id, /properties/m~0n], hash_key: "${KEY}" }',
    ),
    env: { KEY: '0123456789abcdef' },
  });
  const [crm] = config.destinations;
  expect(crm).toMatchObject({
    sources: ['shop-*'],
    fields: {
      allow: [['user_id'], ['properties']],
      drop: [['properties', 'a/b', '*']],
      hash: [['user_id'], ['properties', 'm~n']],
    },
  });
  expect(crm!.fields!.hashKey!.reveal()).toBe('0123456789abcdef');
  expect(JSON.stringify(config)).not.toContain('0123456789abcdef');
  expect(read({ file: destination('ack_wait: 1m') }).destinations[0]!.fields).toBeUndefined();
});

test.each([
  ['drop: [user_id]', /fields\.drop: item 1 is not a path: begin with \//],
  ['drop: [/context, /email]', /fields\.drop: item 2 names no field that can be left out/],
  ['drop: [/userId]', /begin with \/user_id, \/anonymous_id, \/properties, \/context/],
  ['drop: [/event_id]', /names no field that can be left out/],
  ['drop: [/user_id/x]', /continues after \/user_id, which is a text/],
  ['drop: [/properties/a~b]', /has an invalid ~ escape/],
  ['allow: []', /fields\.allow: is empty/],
  ['hash: [/user_id]', /fields\.hash: needs fields\.hash_key/],
  ['hash_key: 0123456789abcdef', /fields\.hash_key: has no paths to hash/],
  ['hash: [/user_id], hash_key: 0123456789abcde', /is shorter than 16 characters/],
  [
    'hash: [/properties/a/b], drop: [/properties/*], hash_key: 0123456789abcdef',
    /fields\.hash: item 1 is dropped by fields\.drop/,
  ],
  [
    'hash: [/user_id], allow: [/properties], hash_key: 0123456789abcdef',
    /fields\.hash: item 1 is not in fields\.allow/,
  ],
  ['remove: [/user_id]', /fields\.remove: is not known; the nearest key that is: /],
])('refuses %s', (fields, fault) => {
  expect(faultsOf({ file: destination(`fields: { ${fields} }`) })).toEqual([
    expect.stringMatching(fault),
  ]);
});

test('accepts at most 1,000 paths, and only valid globs on sources', () => {
  const paths = (count: number): string =>
    Array.from({ length: count }, (_none, index) => `/properties/p${index}`).join(', ');
  expect(faultsOf({ file: destination(`fields: { drop: [${paths(1_000)}] }`) })).toEqual([]);
  expect(faultsOf({ file: destination(`fields: { drop: [${paths(1_001)}] }`) })).toEqual([
    expect.stringMatching(/fields\.drop: has 1001 paths: give 1000 or fewer/),
  ]);
  expect(faultsOf({ file: destination('sources: ["Shop"]') })).toEqual([
    expect.stringMatching(/sources: item 1 is not a glob on sources/),
  ]);
});
