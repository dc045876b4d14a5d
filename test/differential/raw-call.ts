import http from 'node:http';
import http2 from 'node:http2';

/** One request as it is sent over the wire, without additions or corrections. */
export interface RawRequest {
  readonly version: 1 | 2;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The caller disconnects after that many bytes of the body. */
  readonly cutAfter?: number;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly trailers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Caller {
  /** `gone`: the caller disconnected, or was disconnected. */
  call(request: RawRequest): Promise<RawAnswer | 'gone'>;
  close(): void;
}

const answerTimeoutMs = 10_000;

export function createCaller(port: number): Caller {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  return {
    call: (request) =>
      request.version === 1 ? callHttp1(port, agent, request) : callHttp2(session, request),
    close: () => {
      agent.destroy();
      session.destroy();
    },
  };
}

function callHttp1(port: number, agent: http.Agent, sent: RawRequest): Promise<RawAnswer | 'gone'> {
  const { method, path, headers, body, cutAfter } = sent;
  return new Promise((resolve) => {
    const length = { 'content-length': String(body.length) };
    const request = http.request(
      { host: '127.0.0.1', port, agent, method, path, headers: { ...length, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve('gone'));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: plain(response.headers),
            trailers: plain(response.trailers),
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    request.on('error', () => resolve('gone'));
    request.setTimeout(answerTimeoutMs, () => request.destroy());
    if (cutAfter === undefined) request.end(body);
    else request.write(body.subarray(0, cutAfter), () => setTimeout(() => request.destroy(), 5));
  });
}

function callHttp2(
  session: http2.ClientHttp2Session,
  sent: RawRequest,
): Promise<RawAnswer | 'gone'> {
  const { method, path, headers, body, cutAfter } = sent;
  return new Promise((resolve) => {
    const stream = session.request({ ':method': method, ':path': path, ...headers });
    let answer: Record<string, string> = {};
    let trailers: Record<string, string> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (received) => (answer = plain(received)));
    stream.on('trailers', (received) => (trailers = plain(received)));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => resolve('gone'));
    stream.on('close', () => {
      if (answer[':status'] === undefined) return resolve('gone');
      const { ':status': status, ...rest } = answer;
      resolve({ status: Number(status), headers: rest, trailers, body: Buffer.concat(chunks) });
    });
    stream.setTimeout(answerTimeoutMs, () => stream.close(http2.constants.NGHTTP2_CANCEL));
    if (cutAfter === undefined) stream.end(body);
    else {
      stream.write(body.subarray(0, cutAfter), () =>
        setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 5),
      );
    }
  });
}

function plain(
  headers: http.IncomingHttpHeaders | http2.IncomingHttpHeaders,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );
}
