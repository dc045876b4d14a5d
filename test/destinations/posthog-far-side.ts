import type { FarSide } from './conformance.ts';
import { startHttpFarSide, type StandIn } from './http-far-side.ts';

export const posthogKey = 'phc_0123456789abcdefghij';

const requestBytesMax = 512 * 1024;

interface PosthogEvent {
  readonly uuid: string;
  readonly event: string;
  readonly distinct_id: string;
  readonly timestamp: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * PostHog as documented: 401 for a wrong key, 413 for a body too large (a smaller limit than the real
 * one, as a proxy may have), one bad event makes it refuse the batch; (uuid, event, timestamp,
 * distinct_id) counts once.
 */
export function posthogStandIn(): StandIn & {
  readonly events: Map<string, PosthogEvent>;
  isOverQuota: boolean;
} {
  const events = new Map<string, PosthogEvent>();
  const standIn = {
    events,
    isOverQuota: false,
    settings: (port: number) => ({
      project_key: posthogKey,
      host: `http://127.0.0.1:${port}/`,
      timeout: 1000,
      allow_private_addresses: true,
      concurrency: 4,
    }),
    take({ url, body }: { url: string; body: Buffer }) {
      if (url !== '/batch/') return { status: 404 };
      if (body.length > requestBytesMax) return { status: 413 };
      const { api_key: key, batch } = JSON.parse(body.toString()) as {
        api_key: string;
        batch: PosthogEvent[];
      };
      if (key !== posthogKey) return { status: 401, body: { detail: `Invalid key ${key}` } };
      const isBad = (event: PosthogEvent): boolean =>
        !uuid.test(event.uuid) || event.distinct_id.trim() === '' || event.event === '';
      if (batch.length === 0 || batch.some(isBad)) {
        return { status: 400, body: { type: 'validation_error', detail: 'invalid event' } };
      }
      if (standIn.isOverQuota)
        return { status: 200, body: { status: 1, quota_limited: ['events'] } };
      for (const event of batch) {
        const { uuid: id, event: name, timestamp, distinct_id: person } = event;
        events.set([id, name, timestamp, person].join(' '), event);
      }
      return { status: 200, body: { status: 1 } };
    },
    counted: () => [...events.values()].map((event) => event.uuid),
    oversize: { propertyBytes: requestBytesMax, outcome: { kind: 'dead', status: '413' } as const },
    refused: {
      overrides: { userId: '  ' },
      outcome: { kind: 'dead', status: '400' } as const,
    },
  };
  return standIn;
}

export const startPosthogFarSide = (): Promise<FarSide> => startHttpFarSide(posthogStandIn());
