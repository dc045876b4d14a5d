import { describe, expect, test } from 'vitest';

import { describeConfig } from './describe-config.ts';
import { env, faultsOf, read } from './read-config.fixture.ts';

const secret = 'secret-that-nobody-sees';

const webhook = (more: string, source = 'github'): { file: string } => ({
  file: `webhooks:\n  ${source}: { provider: github, secret: ${secret}, events: { push: commits_pushed }${more} }\n`,
});

describe('the webhooks of the configuration', () => {
  test('are empty without the section', () => {
    expect(read().webhooks).toEqual([]);
  });

  test('are read with their defaults', () => {
    expect(read(webhook(''))).toMatchObject({
      webhooks: [
        {
          source: 'github',
          provider: 'github',
          secrets: [secret],
          toleranceMs: 300_000,
          properties: '',
          userId: [],
          events: [{ type: 'push', eventName: 'commits_pushed', properties: undefined }],
        },
      ],
    });
  });

  test('take secrets from the environment, several during a rotation, and never show them', () => {
    const config = read({
      file: 'webhooks:\n  a: { provider: github, secret: ["${ONE}", "${TWO}"], events: { push: a_sent } }\n',
      env: { ONE: secret, TWO: 'the-next-one' },
    });
    expect(config.webhooks[0]!.secrets).toEqual([secret, 'the-next-one']);
    const shown = JSON.stringify(describeConfig(config));
    expect(shown).toContain('"push"');
    expect(shown).not.toContain(secret);
  });

  test.for([
    ['[a]', 'is not a map'],
    ['{ A!: { provider: github } }', 'is not a source'],
    ['{ a: 1 }', 'is not a map'],
    [`{ a: { secret: ${secret}, events: { push: a_sent } } }`, 'provider'],
    [`{ a: { provider: gitlab, secret: ${secret}, events: { push: a_sent } } }`, 'provider'],
    ['{ a: { provider: github, events: { push: a_sent } } }', 'secret: is required'],
    ['{ a: { provider: github, secret: short, events: { push: a_sent } } }', 'is not a secret'],
    [
      `{ a: { provider: github, secret: ${'x'.repeat(501)}, events: { push: a_sent } } }`,
      '500 characters',
    ],
    [
      `{ a: { provider: github, secret: [${'aaaaaaaa, '.repeat(9)}], events: { push: a_sent } } }`,
      '9 secrets',
    ],
    [`{ a: { provider: github, secret: [], events: { push: a_sent } } }`, '0 secrets'],
    [
      `{ a: { provider: standard, secret: "no base64 at all", events: { a: a_sent } } }`,
      'Standard Webhooks',
    ],
    [`{ a: { provider: github, secret: ${secret} } }`, 'events: is required'],
    [
      `{ a: { provider: github, secret: ${secret}, events: { push: Not A Name } } }`,
      'is not an event name',
    ],
    [
      `{ a: { provider: github, secret: ${secret}, events: { push: { event: a_sent, colour: 1 } } } }`,
      'colour',
    ],
    [
      `{ a: { provider: github, secret: ${secret}, user: /id, events: { push: a_sent } } }`,
      'user_id',
    ],
    [
      `{ a: { provider: github, secret: ${secret}, user_id: id, events: { push: a_sent } } }`,
      'is not a place',
    ],
    [
      `{ a: { provider: github, secret: ${secret}, user_id: /${'x'.repeat(500)}, events: { push: a_sent } } }`,
      'is not a place',
    ],
    [
      `{ a: { provider: github, secret: ${secret}, properties: data, events: { push: a_sent } } }`,
      'place of an object',
    ],
    [
      `{ a: { provider: github, secret: ${secret}, properties: { a: b }, events: { push: a_sent } } }`,
      'is not a place',
    ],
    [
      `{ a: { provider: github, secret: ${secret}, signature: { header: x-sig }, events: { push: a_sent } } }`,
      'hmac only',
    ],
    [
      `{ a: { provider: hmac, secret: ${secret}, delivery_id: /id, events: { push: a_sent } } }`,
      'signature.header',
    ],
    [
      `{ a: { provider: hmac, secret: ${secret}, signature: { header: x-sig }, events: { push: a_sent } } }`,
      'delivery_id',
    ],
    [
      `{ a: { provider: stripe, secret: ${secret}, tolerance: 2d, events: { push: a_sent } } }`,
      'tolerance',
    ],
  ])('%s is a problem, reported as %s', ([section, told]) => {
    const faults = faultsOf({ file: `webhooks: ${section}\n` }).join('\n');
    expect(faults).toContain(told);
    expect(faults).not.toContain(secret);
  });

  test('are limited in number', () => {
    const many = (count: number, line: (index: number) => string): string =>
      Array.from({ length: count }, (_, index) => line(index)).join('');
    const sources = (count: number) =>
      `webhooks:\n${many(count, (index) => `  s${index}: { provider: github, secret: ${secret}, events: { a: a_sent } }\n`)}`;
    expect(faultsOf({ file: sources(100) })).toEqual([]);
    expect(faultsOf({ file: sources(101) }).join()).toContain('101 sources');
    const head = `webhooks:\n  a:\n    provider: github\n    secret: ${secret}\n`;
    const events = (count: number) =>
      `${head}    events:\n${many(count, (index) => `      t${index}: a_sent\n`)}`;
    expect(faultsOf({ file: events(1_000) })).toEqual([]);
    expect(faultsOf({ file: events(1_001) }).join()).toContain('1001 types');
    const properties = (count: number) =>
      `${head}    events: { a: a_sent }\n    properties:\n${many(count, (index) => `      p${index}: /p\n`)}`;
    expect(faultsOf({ file: properties(200) })).toEqual([]);
    expect(faultsOf({ file: properties(201) }).join()).toContain('201 names');
  });

  test('have no variables, which the fault says', () => {
    expect(faultsOf(env({ HEADGATE_WEBHOOKS_GITHUB_SECRET: secret }))).toEqual([
      'HEADGATE_WEBHOOKS_GITHUB_SECRET: webhooks have no variables: list them under webhooks in headgate.yaml',
    ]);
  });
});
