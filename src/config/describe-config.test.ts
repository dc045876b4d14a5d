import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeConfig } from './describe-config.ts';
import { destinationTypes, keyLine, read } from './read-config.fixture.ts';

const word = 'hunter2';
const config = read({
  file:
    'admin: { token: "${W}${W}${W}" }\npii: { hash_key: "${W}${W}${W}${W}${W}${W}" }\nnats: { url: "nats://user:${W}@a:4222,tls://b:4222" }\n' +
    `auth: keys\nkeys:\n${keyLine('a')}` +
    'destinations:\n  crm: { type: webhook, url: "https://u:${W}@crm.example/${W}?k=${W}",' +
    ' secret: "${W}", label: shown }\n  own: { type: sqlite, path: a.db }\n' +
    '  mine: { type: module, path: m.ts, options: { token: "${W}", rate: 3 } }\n',
  env: { W: word },
});

describe('describeConfig', () => {
  it('shows everything but secrets', () => {
    const described = describeConfig(config, destinationTypes);
    expect(described).toMatchObject({
      listen: '127.0.0.1:8080',
      admin: { listen: '127.0.0.1:8081', token: '***' },
      pii: { hashKey: '***' },
      nats: { url: 'nats://***@a:4222,tls://b:4222', publishTimeoutMs: 5_000 },
      roles: ['gate', 'deliver'],
      keys: [{ source: 'checkout', events: [] }],
      limits: { batchEventsMax: 1_000 },
      destinations: [
        {
          name: 'crm',
          settings: {
            url: 'https://***@crm.example/***',
            secret: '***',
            label: 'shown',
            concurrency: 8,
          },
        },
        { settings: { path: 'a.db' } },
        { settings: { path: 'm.ts', 'options.token': '***', 'options.rate': 3 } },
      ],
    });
    expect(JSON.stringify(described)).not.toContain(word);
    expect(inspect(described, { depth: 9 })).not.toContain(word);
  });

  it('hides every text of a destination of an unknown type', () => {
    const [crm] = describeConfig(config)['destinations'] as { settings: unknown }[];
    const hidden = { url: '***', secret: '***', label: '***' };
    expect(crm?.settings).toMatchObject({ ...hidden, concurrency: 8 });
  });
});
