import { describe, expect, it } from 'vitest';
import { faultsOf, keyLine, read } from './read-config.fixture.ts';
import { hashWriteKey as hash } from './write-key.ts';

describe('keys', () => {
  it('are read, including several for one source', () => {
    const file = `auth: keys\nkeys:\n${keyLine('a')}${keyLine('b')}`;
    const last = `  - { source: web, hash: "${hash('c')}", events: ["o_*"] }`;
    const { keys } = read({ file: file + last });
    expect(keys).toEqual([
      { source: 'checkout', hash: hash('a'), events: [] },
      { source: 'checkout', hash: hash('b'), events: [] },
      { source: 'web', hash: hash('c'), events: ['o_*'] },
    ]);
  });

  it.each([
    [keyLine('a') + keyLine('a', 'web'), /keys\[1\]\.hash: is the same as .*keys\[0\]\.hash/],
    [keyLine('a', 'Checkout'), /keys\[0\]\.source: is not a source/],
    [keyLine('a', '_a'), /keys\[0\]\.source: is not a source/],
    [keyLine('a', 'a'.repeat(65)), /keys\[0\]\.source: is not a source/],
    ['  - { source: a }', /keys\[0\]\.hash: is required/],
    [`  - { hash: "${hash('a')}" }`, /keys\[0\]\.source: is required/],
    [`  - { source: a, hash: "sha256:${'a'.repeat(63)}" }`, /is not a hash/],
    [`  - { source: a, hash: "sha256:${'a'.repeat(65)}" }`, /is not a hash/],
    [`  - { source: a, hash: "${hash('a')}", event: [a] }`, /keys\[0\]\.event: .*that is: events/],
    [`  - { source: a, hash: "${hash('a')}", events: [] }`, /events: is empty/],
    [`  - { source: a, hash: "${hash('a')}", events: ["a\\nb"] }`, /item 1 is not a glob/],
    [
      `  - { source: a, hash: "${hash('a')}", relay_sources: ["a.b"] }`,
      /relay_sources: item 1 is not a glob on sources/,
    ],
    [`  - { source: a, hash: "${hash('a')}", relay_sources: [] }`, /relay_sources: is empty/],
    ['  - text', /keys\[0\]: is not a map/],
  ])('refuses %s', (lines, fault) => {
    expect(faultsOf({ file: `auth: keys\nkeys:\n${lines}` })).toEqual([
      expect.stringMatching(fault),
    ]);
  });

  it.each([
    ['2027-06-30', '2027-06-30T00:00:00.000Z'],
    ['2027-06-30T18:00:00+02:00', '2027-06-30T16:00:00.000Z'],
    ['2027-06-30T18:00:00.5Z', '2027-06-30T18:00:00.500Z'],
  ])('expire at %s', (expires, at) => {
    const file = `auth: keys\nkeys:\n  - { source: a, hash: "${hash('a')}", expires: ${expires} }`;
    expect(read({ file }).keys).toEqual([
      { source: 'a', hash: hash('a'), events: [], expiresAtMs: Date.parse(at) },
    ]);
  });

  it.each(['2027-02-29', '2027-06-30T18:00:00', '90d', '2027-06-30T25:00:00Z', 'soon'])(
    'refuse %s as their end',
    (expires) => {
      const key = `  - { source: a, hash: "${hash('a')}", expires: "${expires}" }`;
      expect(faultsOf({ file: `auth: keys\nkeys:\n${key}` })).toEqual([
        expect.stringMatching(/keys\[0\]\.expires: is neither a date nor an RFC 3339 time/),
      ]);
    },
  );

  it('accepts a source of 64 characters, and refuses keys that are not a list', () => {
    expect(faultsOf({ file: `keys:\n${keyLine('a', 'a'.repeat(64))}` })).toEqual([]);
    expect(faultsOf({ file: 'keys: {}' })[0]).toMatch(/keys: is not a list/);
  });
});

describe('destinations', () => {
  const webhook = 'type: webhook, url: "https://crm.example/h", secret: s3cret';

  it('are read with the settings of their type', () => {
    const file =
      `destinations:\n  crm: { ${webhook}, events: ["order_*"], ack_wait: 1m, body_max: 2KiB,` +
      ' retry: { attempts: 9, base: 2s, cap: 2h } }';
    const config = read({
      file,
      env: {
        HEADGATE_DESTINATIONS_CRM_RETRY_BASE: '3s',
        HEADGATE_DESTINATIONS_CRM_CONCURRENCY: '256',
        HEADGATE_DESTINATIONS_CRM_PRIVATE: 'true',
      },
    });
    expect(config.destinations).toEqual([
      {
        name: 'crm',
        type: 'webhook',
        start: { kind: 'now' },
        sources: [],
        events: ['order_*'],
        retry: { attempts: 9, baseMs: 3_000, capMs: 7_200_000 },
        ackWaitMs: 60_000,
        whenFull: 'aside',
        settings: {
          url: 'https://crm.example/h',
          secret: 's3cret',
          label: null,
          concurrency: 256,
          body_max: 2_048,
          private: true,
        },
      },
    ]);
    expect(read({ file: 'destinations: {}' }).destinations).toEqual([]);
  });

  it.each([
    ['destinations:', /destinations: is not a map/],
    ['destinations: { Crm: { type: sqlite, path: a } }', /destinations\.Crm: is not a name/],
    [`destinations: { ${'a'.repeat(33)}: { type: sqlite, path: a } }`, /is not a name/],
    ['destinations: { a: sqlite }', /destinations\.a: is not a map/],
    ['destinations: { a: { path: b } }', /a\.type: is required: write one of sqlite, webhook/],
    ['destinations: { a: { type: sqlit } }', /"sqlit" .* nearest is sqlite: .* sqlite, webhook/],
    ['destinations: { a: { type: "${NO}" } }', /a\.type: asks for \$\{NO\}/],
    ['destinations: { a: { type: sqlite } }', /a\.path: is required: The file/],
    ['destinations: { a: { type: sqlite, pth: b, path: c } }', /a\.pth: .*that is: path$/],
    [`destinations: { a: { ${webhook}, concurrency: 257 } }`, /concurrency: "257" is above 256/],
    [`destinations: { a: { ${webhook}, concurrency: 0 } }`, /concurrency: "0" is below 1/],
    [`destinations: { a: { ${webhook}, private: yes } }`, /private: "yes" is neither/],
    [`destinations: { a: { ${webhook}, retry: { base: 2s, cap: 1s } } }`, /base: is above retry/],
    [`destinations: { a: { ${webhook}, events: ["A\\n"] } }`, /events: item 1 is not a glob/],
  ])('refuses %s', (file, fault) => {
    expect(faultsOf({ file })).toEqual([expect.stringMatching(fault)]);
  });

  it('accepts a name of 32 characters', () => {
    const file = `destinations: { ${'a'.repeat(32)}: { type: sqlite, path: a } }`;
    expect(faultsOf({ file })).toEqual([]);
  });

  it('refuses a variable that fits two destinations', () => {
    const one = '{ type: sqlite, path: a }';
    const file = `destinations: { crm-eu: ${one}, crm_eu: ${one} }`;
    expect(faultsOf({ file })).toEqual([]);
    expect(faultsOf({ file, env: { HEADGATE_DESTINATIONS_CRM_EU_PATH: 'b' } })).toEqual([
      expect.stringMatching(/fits more than one destination/),
    ]);
  });

  it('pass options of any name to a type that takes options', () => {
    const file =
      'destinations: { own: { type: module, path: ./own.ts, options: ' +
      '{ url: "${URL}", deep_2: 3, on: true } } }';
    const env = { URL: 'https://x.example', HEADGATE_DESTINATIONS_OWN_OPTIONS_DEEP_2: '4' };
    expect(read({ file, env }).destinations[0]?.settings).toEqual({
      path: './own.ts',
      'options.url': 'https://x.example',
      'options.deep_2': '4',
      'options.on': true,
    });
    const none = 'destinations: { own: { type: module, path: ./own.ts, options: {} } }';
    expect(read({ file: none }).destinations[0]?.settings).toEqual({ path: './own.ts' });
  });

  it.each([
    ['type: module, path: a, options: { Url: b }', /options\.Url: is not a name/],
    ['type: module, path: a, options: { a.b: c }', /options\.a\.b: is not a name/],
    [`type: module, path: a, options: { ${'a'.repeat(65)}: b }`, /is not a name/],
    ['type: module, path: a, options: { a: [b] }', /options\.a: is neither text, a number nor/],
    [
      'type: module, path: a, options: { a: { b: c } }',
      /options\.a: is neither text, a number nor/,
    ],
    ['type: module, path: a, options: { a: }', /options\.a: has no value/],
    ['type: module, path: a, options: b', /options: is not a map/],
    ['type: sqlite, path: a, options: { a: b }', /options: is not known/],
  ])('refuses %s', (text, fault) => {
    expect(faultsOf({ file: `destinations: { own: { ${text} } }` })).toEqual([
      expect.stringMatching(fault),
    ]);
  });
});

describe('from', () => {
  const startOf = (type: string, from = '') =>
    read({ file: `destinations:\n  crm: { ${type}${from} }` }).destinations[0]!.start;
  const webhook = 'type: webhook, url: "https://crm.example/h", secret: s3cret';

  it('is earliest for what stores events, and now for what causes an effect outside', () => {
    expect(startOf('type: sqlite, path: w.db')).toEqual({ kind: 'earliest' });
    expect(startOf(webhook)).toEqual({ kind: 'now' });
  });

  it.each([
    ['earliest', { kind: 'earliest' }],
    ['now', { kind: 'now' }],
    ['7d', { kind: 'age', ms: 604_800_000 }],
    ['"2026-11-01T00:00:00Z"', { kind: 'time', ms: Date.UTC(2026, 10, 1) }],
    ['2026-11-01T02:00:00+02:00', { kind: 'time', ms: Date.UTC(2026, 10, 1) }],
  ])('takes %s', (from, start) => {
    expect(startOf(webhook, `, from: ${from}`)).toEqual(start);
  });

  it.each([
    'yesterday',
    '"7"',
    '2026-11-01',
    '2026-11-01T00:00:00',
    '"2026-13-01T00:00:00Z"',
    '-1d',
  ])('refuses %s', (from) => {
    const file = `destinations:\n  crm: { ${webhook}, from: ${from} }`;
    expect(faultsOf({ file })).toEqual([expect.stringMatching(/crm\.from: .*write earliest, now/)]);
  });
});
