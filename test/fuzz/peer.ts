import http from 'node:http';
import http2 from 'node:http2';

import { answerOf, type WireAnswer } from '../endpoints/wire.ts';

/** One request of the fuzzer. */
export interface FuzzRequest {
  readonly port: number;
  readonly version: '1.1' | '2';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The answer counts as soon as it begins, or after `streamMs` without one. */
  readonly isStream: boolean;
}

export type FuzzAnswer = WireAnswer | 'closed' | 'hangs' | 'open';

/** Longer than every limit of the gate that ends a request. */
const hangMs = 20_000;
const streamMs = 150;

/** Sends requests on connections that stay open while the gate lets them. */
export function createPeer() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const sessions = new Map<number, { session: http2.ClientHttp2Session; sent: number }>();

  const sessionOf = (port: number): http2.ClientHttp2Session => {
    const known = sessions.get(port);
    // A connection that the gate ends takes its other requests with it, so that none is used for long.
    if (
      known !== undefined &&
      known.sent < 200 &&
      !known.session.closed &&
      !known.session.destroyed
    ) {
      known.sent += 1;
      return known.session;
    }
    known?.session.close();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    sessions.set(port, { session, sent: 1 });
    return session;
  };

  const sendHttp1 = (request: FuzzRequest, method: string): Promise<FuzzAnswer> =>
    new Promise((resolve) => {
      const { port, path, headers, body } = request;
      const options = { host: '127.0.0.1', port, path, method, headers, agent };
      let timer: NodeJS.Timeout;
      const end = (answer: FuzzAnswer): void => {
        clearTimeout(timer);
        resolve(answer);
        if (typeof answer === 'string') sent.destroy();
      };
      const sent = http.request(options, (response) => {
        const chunks: Buffer[] = [];
        const done = (): void =>
          end({
            status: response.statusCode!,
            headers: response.headers as WireAnswer['headers'],
            trailers: response.trailers,
            body: Buffer.concat(chunks),
          });
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => end('closed'));
        response.on('end', done);
      });
      sent.on('error', () => end('closed'));
      timer = setTimeout(() => end(request.isStream ? 'open' : 'hangs'), waitOf(request));
      sent.end(body);
    });

  const sendHttp2 = (request: FuzzRequest, method: string): Promise<FuzzAnswer> =>
    new Promise((resolve) => {
      const { port, path, headers, body } = request;
      let stream: http2.ClientHttp2Stream;
      try {
        stream = sessionOf(port).request(
          { ':method': method, ':path': path, ...headers },
          { endStream: body.length === 0 },
        );
      } catch {
        resolve('closed');
        return;
      }
      const timer = setTimeout(() => {
        resolve(request.isStream ? 'open' : 'hangs');
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }, waitOf(request));
      if (body.length > 0) stream.end(body);
      void answerOf(stream).then(
        (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        () => {
          clearTimeout(timer);
          resolve('closed');
        },
      );
    });

  return {
    send: (request: FuzzRequest): Promise<FuzzAnswer> =>
      request.version === '2'
        ? sendHttp2(request, request.method)
        : sendHttp1(request, request.method),
    close: (): void => {
      agent.destroy();
      for (const { session } of sessions.values()) session.destroy();
    },
  };
}

function waitOf({ isStream }: FuzzRequest): number {
  return isStream ? streamMs : hangMs;
}
