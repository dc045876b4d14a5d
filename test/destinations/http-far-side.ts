import type { ServerResponse } from 'node:http';
import type { DestinationSettings, Outcome } from '../../src/destinations/destination.ts';
import type { FarSide } from './conformance.ts';
import { startHttpServer, type ReceivedRequest, type Responder } from './http-server.ts';

/** What a stand-in of a vendor answers. */
export interface StandInAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Instead of a body in JSON. */
  readonly text?: string;
}

/** A vendor's API as its documentation has it, and what it holds. */
export interface StandIn {
  readonly settings: (port: number) => DestinationSettings;
  /** Takes a request, and counts each event once that it takes. */
  readonly take: (request: ReceivedRequest) => StandInAnswer;
  readonly counted: () => string[];
  readonly oversize: { readonly propertyBytes: number; readonly outcome: Partial<Outcome> };
  readonly refused?: FarSide['refused'];
}

export interface HttpFarSide extends FarSide {
  readonly server: Awaited<ReturnType<typeof startHttpServer>>;
}

/** A far side that speaks HTTP: up, down, silent, or telling its callers to wait. */
export async function startHttpFarSide(standIn: StandIn): Promise<HttpFarSide> {
  const take: Responder = (request, response) => say(response, standIn.take(request));
  const server = await startHttpServer(take);
  const { refused } = standIn;
  return {
    server,
    settings: standIn.settings(server.port),
    counted: standIn.counted,
    goDown: () => server.close(),
    comeUp: () => server.listen(),
    stall() {
      server.respond = () => undefined;
    },
    unstall() {
      server.respond = take;
    },
    takeSilently() {
      server.respond = (request) => void standIn.take(request);
    },
    throttle(seconds) {
      const headers = { 'retry-after': String(seconds) };
      server.respond = (_request, response) => say(response, { status: 429, headers });
    },
    oversize: standIn.oversize,
    ...(refused === undefined ? {} : { refused }),
    close: () => server.close(),
  };
}

function say(response: ServerResponse, answer: StandInAnswer): void {
  const { status, headers, body, text } = answer;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(text ?? (body === undefined ? undefined : JSON.stringify(body)));
}
