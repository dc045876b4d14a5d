import http2 from 'node:http2';
import type net from 'node:net';

/**
 * A proxy that acts like a busy gate: it refuses calls, then forwards the next ones to the gate.
 */
export interface BusyGate {
  /** Host and port. */
  readonly address: string;
  /** The bodies of all calls since the last `refuse`. */
  readonly bodies: readonly Buffer[];
  /** Answers the next `calls` calls with UNAVAILABLE. */
  refuse(calls: number): void;
  close(): Promise<void>;
}

export async function startBusyGate(gateUrl: string): Promise<BusyGate> {
  let refusals = 0;
  let bodies: Buffer[] = [];
  const gate = http2.connect(gateUrl);
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const body = Buffer.concat(chunks);
      bodies.push(body);
      refusals -= 1;
      if (refusals >= 0) {
        const refusal = { 'grpc-status': '14', 'grpc-message': 'busy' };
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', ...refusal },
          { endStream: true },
        );
      } else forward(gate, stream, headers, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    get bodies() {
      return bodies;
    },
    refuse: (calls) => {
      refusals = calls;
      bodies = [];
    },
    close: async () => {
      gate.destroy();
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function forward(
  gate: http2.ClientHttp2Session,
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  body: Buffer,
): void {
  const forwarded = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
  const call = gate.request({
    ':method': 'POST',
    ':path': headers[':path']!,
    ...Object.fromEntries(forwarded),
  });
  const chunks: Buffer[] = [];
  let answered: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  call.on('response', (received) => (answered = received));
  call.on('trailers', (received) => (trailers = received));
  call.on('data', (chunk: Buffer) => chunks.push(chunk));
  call.on('end', () => {
    stream.respond(
      { ':status': 200, 'content-type': answered['content-type'] },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(Buffer.concat(chunks));
  });
  call.end(body);
}
