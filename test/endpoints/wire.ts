import http from 'node:http';
import http2 from 'node:http2';
import type { Writable } from 'node:stream';

/** One request as bytes, over the requested HTTP version. */
export interface WireRequest {
  readonly port: number;
  readonly version: '1.1' | '2';
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Never ends the body. */
  readonly stall?: boolean;
  /** Sends the body in that many writes. */
  readonly parts?: number;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly trailers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

const answerTimeoutMs = 15_000;

/** Rejects if the connection ends without an answer. */
export function send(request: WireRequest): Promise<WireAnswer> {
  return request.version === '2' ? sendHttp2(request) : sendHttp1(request);
}

function sendHttp1(request: WireRequest): Promise<WireAnswer> {
  const { port, method = 'POST', path, headers = {}, body, stall = false } = request;
  return new Promise((resolve, reject) => {
    const sent = http.request(
      { host: '127.0.0.1', port, method, path, headers, agent: false, timeout: answerTimeoutMs },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            headers: response.headers as WireAnswer['headers'],
            trailers: response.trailers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', reject);
    if (stall) sent.write(body ?? '');
    else if (request.parts === undefined || request.parts === 1) sent.end(body);
    else void writeParts(sent, Buffer.from(body ?? ''), request.parts);
  });
}

const sessions = new Map<number, http2.ClientHttp2Session>();

/** The session that all HTTP/2 requests to this port share. */
export function sessionOf(port: number): http2.ClientHttp2Session {
  const known = sessions.get(port);
  if (known !== undefined && !known.closed && !known.destroyed) return known;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  sessions.set(port, session);
  return session;
}

export function closeSessions(port: number): void {
  sessions.get(port)?.destroy();
  sessions.delete(port);
}

function sendHttp2(request: WireRequest): Promise<WireAnswer> {
  const { method = 'POST', path, headers = {}, body, stall = false } = request;
  const stream = sessionOf(request.port).request({ ':method': method, ':path': path, ...headers });
  if (stall) stream.write(body ?? '');
  else if (request.parts === undefined || request.parts === 1) stream.end(body);
  else void writeParts(stream, Buffer.from(body ?? ''), request.parts);
  return answerOf(stream);
}

/** Writes each part after the previous one was sent, so that the transport does not join them. */
async function writeParts(to: Writable, body: Buffer, parts: number): Promise<void> {
  const size = Math.max(1, Math.ceil(body.length / parts));
  for (let at = 0; at < body.length; at += size) {
    await new Promise<void>((resolve) =>
      to.write(body.subarray(at, at + size), () => setImmediate(resolve)),
    );
  }
  to.end();
}

export function answerOf(stream: http2.ClientHttp2Stream): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let headers: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    stream.setTimeout(answerTimeoutMs, () => stream.destroy(new Error('no answer in time')));
    stream.on('response', (received) => (headers = received));
    stream.on('trailers', (received) => (trailers = received));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      const status = Number((headers as Record<string, unknown>)[':status']);
      if (Number.isNaN(status)) {
        reject(new Error('the stream was closed without an answer'));
        return;
      }
      resolve({
        status,
        headers: headers as WireAnswer['headers'],
        trailers: trailers as WireAnswer['trailers'],
        body: Buffer.concat(chunks),
      });
    });
  });
}
