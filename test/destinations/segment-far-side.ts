import { expect } from 'vitest';
import type { FarSide } from './conformance.ts';
import { startHttpFarSide, type StandIn } from './http-far-side.ts';

export const segmentKey = 'segment-write-key-0123456789';

const eventBytesMax = 32 * 1024;
const requestBytesMax = 500_000;

interface SegmentCall {
  readonly type: string;
  readonly messageId: string;
  readonly event: string;
  readonly userId?: string;
  readonly anonymousId?: string;
  readonly timestamp: string;
  readonly [more: string]: unknown;
}

/**
 * Segment as documented: 401 for a wrong key, 400 for what is too large or no JSON, 200 for
 * everything else, events included that it then drops; a messageId counts once.
 */
export function segmentStandIn(): StandIn & { readonly calls: Map<string, SegmentCall> } {
  const calls = new Map<string, SegmentCall>();
  return {
    calls,
    settings: (port) => ({
      write_key: segmentKey,
      host: `http://127.0.0.1:${port}`,
      timeout: 1000,
      allow_private_addresses: true,
      concurrency: 4,
    }),
    take({ url, headers, body }) {
      if (url !== '/v1/batch') return { status: 404 };
      const key = Buffer.from(`${segmentKey}:`).toString('base64');
      if (headers.authorization !== `Basic ${key}`) return { status: 401 };
      if (body.length > requestBytesMax) return { status: 400, body: { success: false } };
      const { batch } = JSON.parse(body.toString()) as { batch: SegmentCall[] };
      if (batch.length > 2500) return { status: 400, body: { success: false } };
      for (const call of batch) {
        const isTaken = call.type === 'track' && call.messageId.length < 100 && call.event !== '';
        const known = (call.userId ?? call.anonymousId ?? '') !== '';
        const bytes = Buffer.byteLength(JSON.stringify(call));
        if (isTaken && known && bytes <= eventBytesMax && !calls.has(call.messageId)) {
          calls.set(call.messageId, call);
        }
      }
      return { status: 200, body: { success: true } };
    },
    counted: () => [...calls.keys()],
    oversize: {
      propertyBytes: eventBytesMax,
      outcome: { kind: 'dead', reason: expect.stringContaining('32768 at most') },
    },
  };
}

export const startSegmentFarSide = (): Promise<FarSide> => startHttpFarSide(segmentStandIn());
