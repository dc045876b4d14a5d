import type { IncomingMessage, ServerResponse } from 'node:http';

import type { ServedConnection } from '../connections/open-connection.ts';

/** What Node's HTTP/1.1 server does for one connection. */
export class Http1Activity implements ServedConnection {
  wholeRequests = 0;
  private readonly open = new Map<ServerResponse, IncomingMessage>();

  begin(request: IncomingMessage, response: ServerResponse): void {
    this.open.set(response, request);
    response.once('close', () => {
      this.open.delete(response);
      if (request.complete) this.wholeRequests += 1;
    });
  }

  get openRequests(): number {
    return this.open.size;
  }

  get awaitsAnswer(): boolean {
    for (const [response, request] of this.open) {
      if (request.complete && !response.writableEnded) return true;
    }
    return false;
  }

  leave(): void {}
}
