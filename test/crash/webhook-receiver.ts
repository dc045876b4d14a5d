import { onTestFinished } from 'vitest';
import { Webhook } from 'standardwebhooks';

import {
  startHttpServer,
  type ReceivedRequest,
  type RealHttpServer,
} from '../destinations/http-server.ts';
import { webhookSecret } from '../destinations/webhook-far-side.ts';

/** A receiver as docs/destinations/webhook.md asks for: verifies, and takes each webhook-id once. */
export interface WebhookReceiver {
  readonly server: RealHttpServer;
  /** Every id that was taken. */
  readonly taken: ReadonlySet<string>;
  readonly counts: () => { requests: number; forged: number };
  /** The status for a request; undefined: none is ever sent. 204 from the start. */
  answer: (request: ReceivedRequest) => number | undefined;
  /** A destination of headgate.yaml that posts here. */
  yaml(retry: string): string;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const taken = new Set<string>();
  const verifier = new Webhook(webhookSecret);
  let requests = 0;
  let forged = 0;
  const server = await startHttpServer((request, response) => {
    requests += 1;
    // What was received is counted, not kept: a run sends tens of thousands.
    server.received.length = 0;
    try {
      verifier.verify(request.body, request.headers as Record<string, string>);
    } catch {
      forged += 1;
      response.writeHead(401).end();
      return;
    }
    const status = receiver.answer(request);
    if (status === undefined) return;
    if (status < 300) taken.add(String(request.headers['webhook-id']));
    response.writeHead(status).end();
  });
  onTestFinished(() => server.close());
  const receiver: WebhookReceiver = {
    server,
    taken,
    counts: () => ({ requests, forged }),
    answer: () => 204,
    yaml: (retry) =>
      [
        'type: webhook',
        `url: "http://127.0.0.1:${server.port}/hooks"`,
        `secret: "${webhookSecret}"`,
        'allow_private_addresses: true',
        'ack_wait: 2s',
        'timeout: 1s',
        `retry: ${retry}`,
      ]
        .map((line) => `    ${line}\n`)
        .join(''),
  };
  return receiver;
}
