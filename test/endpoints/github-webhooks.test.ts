import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';

import { readDeliveries } from '../../examples/github/payloads.ts';
import { idempotencyKeyOf } from '../../src/event/event-id.ts';
import { openGate } from './open-gate.ts';

const secret = 'a secret of a test';

/** Maps every type to its own event, whose schema accepts any object. */
function schemasFor(eventNames: ReadonlySet<string>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-schemas-'));
  const entries = [...eventNames].map(
    (name) => `  ${name}: { owner: test, description: A delivery., active: 1 }\n`,
  );
  const taxonomy = `verbs: [sent]\nunplanned: reject\nevents:\n${entries.join('')}`;
  writeFileSync(path.join(folder, 'taxonomy.yaml'), taxonomy);
  for (const name of eventNames) {
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, '1.json'), '{"type":"object"}');
  }
  return folder;
}

test("stores GitHub's own signed payloads completely, and once", async () => {
  const deliveries = readDeliveries().map(({ event, payload }, index) => {
    const { action } = payload;
    const type = typeof action === 'string' ? `${event}.${action}` : event;
    return { event, type, id: `delivery-${index}`, body: JSON.stringify(payload), payload };
  });
  const nameOf = (type: string): string =>
    `${type.replaceAll(/[^a-z0-9]+/gi, '_').toLowerCase()}_sent`;
  const types = new Set(deliveries.map(({ type }) => type));
  const schemas = schemasFor(new Set([...types].map(nameOf)));
  const events = [...types].map((type) => `      "${type}": ${nameOf(type)}\n`).join('');
  await using gate = await openGate({
    env: { HEADGATE_SCHEMAS_DIR: schemas },
    yaml:
      `webhooks:\n  github:\n    provider: github\n    secret: ${secret}\n` +
      '    user_id: [/sender/id, /organization/id, header:x-github-hook-id]\n' +
      `    events:\n${events}`,
  });
  const send = async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    const left = deliveries.slice();
    const work = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const response = await fetch(`${gate.url}/v1/webhooks/github`, {
          method: 'POST',
          body: next.body,
          headers: {
            'content-type': 'application/json',
            'x-github-event': next.event,
            'x-github-delivery': next.id,
            'x-github-hook-id': '7',
            'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(next.body).digest('hex')}`,
          },
        });
        const { status, ...rest } = (await response.json()) as { status: string };
        if (response.status !== 202) throw new Error(JSON.stringify({ type: next.type, ...rest }));
        counts[status] = (counts[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    return counts;
  };
  expect(deliveries.length).toBeGreaterThan(700);
  expect(await send()).toEqual({ accepted: deliveries.length });
  expect(await send()).toEqual({ duplicate: deliveries.length });
  const byKey = new Map(
    deliveries.map((delivery) => [idempotencyKeyOf('github', delivery.id), delivery]),
  );
  const kept = await gate.events();
  expect(kept).toHaveLength(deliveries.length);
  for (const { bytes } of kept) {
    const event = JSON.parse(bytes.toString()) as {
      idempotencyKey: string;
      eventName: string;
      properties: unknown;
    };
    const sent = byKey.get(event.idempotencyKey)!;
    expect(event.eventName).toBe(nameOf(sent.type));
    expect(event.properties).toEqual(sent.payload);
  }
  rmSync(schemas, { recursive: true });
});
