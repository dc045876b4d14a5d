import { Webhook } from 'standardwebhooks';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import type { FarSide } from './conformance.ts';
import { startHttpFarSide, type StandIn } from './http-far-side.ts';

export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export function webhookSettings(port: number, more: DestinationSettings = {}): DestinationSettings {
  return {
    url: `http://127.0.0.1:${port}/hooks?token=of-the-query`,
    secret: webhookSecret,
    secret_previous: null,
    batch_events: 1,
    requests_per_second: null,
    timeout: 1000,
    allow_private_addresses: true,
    concurrency: 4,
    ...more,
  };
}

/** A receiver as the documentation asks for: verifies, and takes each event once. */
export function webhookStandIn(settings: DestinationSettings = {}): StandIn {
  const bodyBytesMax = 64 * 1024;
  const counted = new Set<string>();
  const verifier = new Webhook(webhookSecret);
  return {
    settings: (port) => webhookSettings(port, settings),
    take({ headers, body }) {
      if (body.length > bodyBytesMax) return { status: 413 };
      verifier.verify(body, headers as Record<string, string>);
      const message = JSON.parse(body.toString()) as WebhookMessage;
      const messages = message.type === 'batch' ? (message.data as WebhookMessage[]) : [message];
      if (messages.some(({ type }) => type === refusedType)) return { status: 422 };
      for (const { data } of messages) counted.add((data as { eventId: string }).eventId);
      return { status: 204 };
    },
    counted: () => [...counted],
    oversize: {
      propertyBytes: bodyBytesMax,
      outcome: { kind: 'retry', fault: 'event', status: '413' },
    },
    refused: {
      overrides: { eventName: refusedType },
      outcome: { kind: 'retry', fault: 'event', status: '422' },
    },
  };
}

const refusedType = 'order_refused';

interface WebhookMessage {
  readonly type: string;
  readonly data: unknown;
}

export const startWebhookFarSide = (): Promise<FarSide> => startHttpFarSide(webhookStandIn());

export const startWebhookBatchFarSide = (): Promise<FarSide> =>
  startHttpFarSide(webhookStandIn({ batch_events: 100 }));
