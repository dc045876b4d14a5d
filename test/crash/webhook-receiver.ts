import { onTestFinished } from 'vitest';
import { Webhook } from 'standardwebhooks';

import {
  startHttpServer,
  type ReceivedRequest,
  type RealHttpServer,
} from '../destinations/http-server.ts';
import { webhookSecret } from '../destinations/webhook-far-side.ts';

/**
 * A receiver that follows docs/destinations/webhook.md: verifies, and takes each webhook-id once.
 */
export interface WebhookReceiver {
  readonly server: RealHttpServer;
  /** Every accepted id. */
  readonly taken: ReadonlySet<string>;
  readonly counts: () => { requests: number; forged: number };
  /** Returns the status for a request; undefined: never answer. Initially always 204. */
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
    // Count the requests and do not keep them: a run sends tens of thousands.
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
