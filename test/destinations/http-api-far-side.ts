import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { httpApiType } from '../../src/destinations/http/type.ts';
import type { FarSide } from './conformance.ts';
import { startHttpFarSide, type StandIn } from './http-far-side.ts';

/** The defaults of the type, to a server on this machine. */
export function httpApiSettings(port: number, more: DestinationSettings = {}): DestinationSettings {
  const defaults = Object.entries(httpApiType.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  return {
    ...Object.fromEntries(defaults),
    url: `http://127.0.0.1:${port}/events`,
    timeout: 1_000,
    allow_private_addresses: true,
    concurrency: 4,
    ...more,
  };
}

const bodyBytesMax = 64 * 1024;
const refusedName = 'order_refused';

/** An API that takes each idempotency key once. */
export function httpApiStandIn(): StandIn {
  const counted = new Set<string>();
  return {
    settings: (port) => httpApiSettings(port, { idempotency_header: 'Idempotency-Key' }),
    take({ headers, body }) {
      if (body.length > bodyBytesMax) return { status: 413 };
      const { event_name: name } = JSON.parse(body.toString()) as { event_name: string };
      if (name === refusedName) return { status: 422 };
      counted.add(String(headers['idempotency-key']));
      return { status: 201 };
    },
    counted: () => [...counted],
    oversize: { propertyBytes: bodyBytesMax, outcome: { kind: 'dead', status: '413' } },
    refused: {
      overrides: { eventName: refusedName },
      outcome: { kind: 'dead', status: '422' },
    },
  };
}

export const startHttpApiFarSide = (): Promise<FarSide> => startHttpFarSide(httpApiStandIn());
