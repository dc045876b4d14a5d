import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { onTestFinished } from 'vitest';

import { createValidation, type Validation } from './validation.ts';
import { loadRegistry } from './schema-registry.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { JsonObject, JsonValue } from '../event/json/json.ts';

/** Creates a folder of schemas from file names and contents. Removed when the test ends. */
export function schemasFolder(files: Readonly<Record<string, JsonValue>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-schemas-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

/** A taxonomy with the single event `order_completed`, and `lines` added to its entry. */
export function orderTaxonomy(lines = '', unplanned = 'reject'): string {
  return [
    'verbs: [completed, signed_up]',
    `unplanned: ${unplanned}`,
    'events:',
    `  order_completed: { owner: checkout, description: Paid., active: 1${lines} }`,
  ].join('\n');
}

/** A validation of `order_completed` against one schema. */
export async function validationOf(
  schema: JsonObject,
  lines = '',
  unplanned = 'reject',
): Promise<Validation> {
  const files = {
    'taxonomy.yaml': orderTaxonomy(lines, unplanned),
    'order_completed/1.json': schema,
  };
  return createValidation(await loadRegistry(schemasFolder(files)));
}

/** A valid event, with the changes of the test. */
export function orderCompleted(change: Partial<IncomingEvent> = {}): IncomingEvent {
  return {
    eventName: 'order_completed',
    userId: 'u-1',
    anonymousId: '',
    idempotencyKey: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
    properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
    propertiesText: undefined,
    context: undefined,
    occurredAt: '',
    schemaVersion: 0,
    vendorCall: undefined,
    clock: undefined,
    fault: undefined,
    original: () => new Uint8Array(),
    ...change,
  };
}
