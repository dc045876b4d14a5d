import { expect, onTestFinished, test, vi } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { identityOf } from '../event-json.ts';
import { MemorySpool } from '../spool/memory-spool.ts';
import { openJsonTransport } from '../transport/json-transport.ts';
import { options } from './sender-options.fixture.ts';
import { Sender } from './sender.ts';

const waiting = { timeout: 30_000 };

/** A firewall that refuses `poison`, before a gate that accepts everything. */
function refusePoison(status: number): void {
  vi.stubGlobal('fetch', async (_url: string, { body }: { body: string }) => {
    if (body.includes('poison')) return new Response('<h1>Blocked</h1>', { status });
    const { events } = JSON.parse(body) as { events: unknown[] };
    const results = events.map(() => ({ event_id: 'id', status: 'accepted' }));
    return new Response(JSON.stringify({ results }));
  });
  onTestFinished(() => void vi.unstubAllGlobals());
}

test.each([400, 413, 422])('over JSON, HTTP %d rejects the refused event alone', async (status) => {
  refusePoison(status);
  const counts = { accepted: 0, rejected: 0 };
  let moved = 0;
  const reports: string[] = [];
  const spool = new MemorySpool(
    { bytesMax: 1_000_000, whenFull: 'reject' },
    { dropped: () => {}, damaged: () => {}, trouble: () => {}, readable: () => sender.wake() },
  );
  const url = 'http://gate.example';
  const sender: Sender = new Sender(
    spool,
    openJsonTransport({ url, key: undefined, requestTimeoutMs: 5_000 }),
    options,
    {
      settled: ({ accepted, rejected }) => {
        counts.accepted += accepted;
        counts.rejected += rejected;
      },
      moved: (count) => void (moved += count),
      request: () => {},
      rejected: async (record, eventId, { code, message }) => {
        reports.push([identityOf(record).eventName, eventId, code, message].join('|'));
      },
      trouble: () => {},
      recovered: () => {},
    },
  );
  onTestFinished(() => sender.stop());
  sender.start();
  const encoder = new EventEncoder({ context: undefined, eventBytesMax: 10_000 });
  const append = (eventName: string): void =>
    void spool.append(encoder.encode({ eventName, userId: 'u' }), undefined);
  for (let number = 0; number < 150; number += 1) append(number === 77 ? 'poison' : 'fine');
  await vi.waitFor(() => {
    // The gate's answer to a later event shows that it is the event.
    append('fine');
    expect(spool.settled).toBeGreaterThanOrEqual(150);
  }, waiting);
  await vi.waitFor(() => expect(spool.settled).toBe(spool.next), waiting);
  expect(counts).toEqual({ accepted: spool.next - 1 - moved, rejected: 1 });
  expect(reports).toEqual([
    expect.stringMatching(`^poison\\|\\|refused_before_gate\\|.* with HTTP ${status}\\b`),
  ]);
});
