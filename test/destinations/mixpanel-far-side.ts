import { expect } from 'vitest';
import type { FarSide } from './conformance.ts';
import { startHttpFarSide, type StandIn, type StandInAnswer } from './http-far-side.ts';

export const mixpanelSecret = 'mixpanel-secret-0123456789';

const requestBytesMax = 2_000_000;

interface MixpanelEvent {
  readonly event: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** As its strict mode has it: which field of an event is wrong, and why. */
function findFault({ properties }: MixpanelEvent): [field: string, message: string] | undefined {
  const { $insert_id: id, distinct_id: person, time } = properties;
  const isId = typeof id === 'string' && /^[A-Za-z0-9-]{1,36}$/.test(id);
  if (!isId) return ['properties.$insert_id', "'properties.$insert_id' is invalid"];
  if (person === 'null' || person === 'undefined' || person === '0') {
    return ['properties.distinct_id', "'properties.distinct_id' is invalid: must not be a default"];
  }
  const isTime = typeof time === 'number' && time > 0 && time < Date.now() + 3_600_000;
  if (!isTime) return ['properties.time', "'properties.time' is invalid: must be specified"];
  return undefined;
}

/**
 * Mixpanel as documented: 401 for a wrong secret, 413 above 2 MB, 400 that names the events it
 * refuses and takes the others; (event, time, distinct_id, $insert_id) counts once.
 */
export function mixpanelStandIn(): StandIn & { readonly events: Map<string, MixpanelEvent> } {
  const events = new Map<string, MixpanelEvent>();
  return {
    events,
    settings: (port) => ({
      secret: mixpanelSecret,
      service_account: 'gate.0123',
      project_id: '42',
      host: `http://127.0.0.1:${port}`,
      timeout: 1000,
      allow_private_addresses: true,
      concurrency: 4,
    }),
    take({ url, headers, body }): StandInAnswer {
      if (url !== '/import?strict=1&project_id=42') return { status: 404 };
      const account = Buffer.from(`gate.0123:${mixpanelSecret}`).toString('base64');
      if (headers.authorization !== `Basic ${account}`) {
        return { status: 401, body: { code: 401, error: 'Unauthorized', status: 'Unauthorized' } };
      }
      if (body.length > requestBytesMax) return { status: 413, body: { code: 413 } };
      const batch = JSON.parse(body.toString()) as MixpanelEvent[];
      const failed = batch.flatMap((event, index) => {
        const fault = findFault(event);
        if (fault === undefined) {
          const { time, distinct_id: person, $insert_id: id } = event.properties;
          events.set([event.event, time, person, id].join(' '), event);
          return [];
        }
        const id = event.properties['$insert_id'];
        return [{ index, $insert_id: id, field: fault[0], message: fault[1] }];
      });
      const imported = { num_records_imported: batch.length - failed.length };
      if (failed.length === 0)
        return { status: 200, body: { code: 200, ...imported, status: 'OK' } };
      const error = 'some data points in the request failed validation';
      const body400 = {
        code: 400,
        error,
        failed_records: failed,
        ...imported,
        status: 'Bad Request',
      };
      return { status: 400, body: body400 };
    },
    counted: () => [...events.values()].map((event) => String(event.properties['$insert_id'])),
    oversize: {
      propertyBytes: 1_000_000,
      outcome: { kind: 'dead', reason: expect.stringContaining('1000000 at most') },
    },
    refused: {
      overrides: { userId: 'undefined' },
      outcome: {
        kind: 'dead',
        status: '400',
        reason: expect.stringContaining('properties.distinct_id: '),
      },
    },
  };
}

export const startMixpanelFarSide = (): Promise<FarSide> => startHttpFarSide(mixpanelStandIn());
