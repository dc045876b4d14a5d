import { describe, expect, test } from 'vitest';

import { describeConfig } from '../describe-config.ts';
import { faultsOf, read, type Given } from '../read-config.fixture.ts';

const file = (settings: string): { file: string } => ({
  file: `intake:\n  nats:\n    orders: ${settings}\n`,
});

const faultText = (given: Given): string => faultsOf(given).join('\n');

describe('intake.nats', () => {
  test('is empty without the section', () => {
    expect(read().intake.nats).toEqual([]);
    expect(read({ file: 'intake: { nats: {} }\n' }).intake.nats).toEqual([]);
  });

  test('is read with its defaults: the NATS of the log, events in JSON', () => {
    expect(read(file('{ stream: ORDERS, consumer: headgate }')).intake.nats).toEqual([
      {
        source: 'orders',
        stream: 'ORDERS',
        consumer: 'headgate',
        format: 'headgate',
        server: undefined,
      },
    ]);
  });

  test('takes variables, and never shows its secrets', () => {
    const config = read({
      ...file('{ stream: ORDERS, consumer: gate, url: "nats://u:hidden-1@a:4222,nats://b:1" }'),
      env: {
        HEADGATE_INTAKE_NATS_ORDERS_USER: 'gate',
        HEADGATE_INTAKE_NATS_ORDERS_PASSWORD: 'hidden-2',
        HEADGATE_INTAKE_NATS_ORDERS_TOKEN: 'hidden-3',
        HEADGATE_INTAKE_NATS_ORDERS_FORMAT: 'cloudevents',
        HEADGATE_INTAKE_NATS_ORDERS_LIMITS_EVENTS_PER_SECOND: '7',
      },
    });
    expect(config.intake.nats[0]).toMatchObject({
      format: 'cloudevents',
      server: { user: 'gate', password: 'hidden-2', token: 'hidden-3' },
      limits: { eventsPerSecond: 7, burst: 7 },
    });
    const shown = JSON.stringify(describeConfig(config));
    expect(shown).toContain('"user":"gate"');
    expect(shown).toContain('nats://***@a:4222,nats://b:1');
    expect(shown).not.toContain('hidden');
  });

  test('limits belong to the source, whichever entry states them', () => {
    const { intake, webhooks } = read({
      file:
        'intake: { nats: { orders: { stream: A, consumer: b } } }\n' +
        'webhooks: { orders: { provider: github, secret: secret-1, events: { a: a_sent }, ' +
        'limits: { events_per_second: 5 } } }\n',
    });
    expect(intake.nats[0]!.limits).toEqual(webhooks[0]!.limits);
  });

  test.for([
    ['1', 'is not a map'],
    ['{ consumer: c }', 'stream: is required'],
    ['{ stream: S }', 'consumer: is required'],
    ['{ stream: A.B, consumer: c }', 'stream: is not a name'],
    ['{ stream: S, consumer: "*" }', 'consumer: is not a name'],
    [`{ stream: ${'s'.repeat(256)}, consumer: c }`, 'stream: is not a name'],
    ['{ stream: S, consumer: c, format: proto }', 'write one of headgate, cloudevents'],
    ['{ stream: S, consumer: c, streem: T }', 'the nearest key that is: stream'],
    ['{ stream: S, consumer: c, user: u }', 'is for another NATS than that of the log'],
    ['{ stream: S, consumer: c, limits: { burst: 2 } }', 'limits.events_per_second'],
  ] as const)('%s: %s', ([settings, fault]) => {
    expect(faultText(file(settings))).toContain(fault);
  });

  test('refuses two sources of one consumer, and names that are no sources', () => {
    const twice =
      'intake: { nats: { a: { stream: S, consumer: c }, b: { stream: S, consumer: c } } }';
    expect(faultText({ file: twice })).toContain('intake.nats.b: has the stream and the consumer');
    expect(faultText({ file: 'intake: { nats: { A!: {} } }' })).toContain('is not a source');
    expect(faultText({ file: 'intake: { kafka: {} }' })).toContain('there is intake.nats');
    const places = Array.from(
      { length: 101 },
      (_, at) => `s${at}: { stream: S, consumer: c${at} }`,
    );
    const many = (count: number) => `intake: { nats: { ${places.slice(0, count).join(', ')} } }`;
    expect(read({ file: many(100) }).intake.nats).toHaveLength(100);
    expect(faultText({ file: many(101) })).toContain('101 sources: at most 100');
  });

  test('knows its variables only for sources of the file', () => {
    expect(faultText({ env: { HEADGATE_INTAKE_NATS_ORDERS_URL: 'nats://a' } })).toContain(
      'HEADGATE_INTAKE_NATS_ORDERS_URL: is not known',
    );
  });
});
