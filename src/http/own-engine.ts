import type { EngineOptions, HttpEngine } from './engine.ts';
import { createHttp1Reader } from './http1/reader.ts';
import { Http2Call } from './http2/http2-call.ts';
import { createHttp2Server, type Http2Server } from './http2/server.ts';
import { createNodeHttp1Server } from './node/http1-server.ts';

/**
 * Our own readers: `http2/` for HTTP/2, `http1/` for plain HTTP/1.1 requests. All other HTTP/1.1
 * requests go to Node's server (docs/adr/0027-an-http1-reader-of-our-own.md).
 */
export function createOwnEngine(options: EngineOptions): HttpEngine {
  const { handle, isFastPath, idleTimeoutMs, connections } = options;
  const node = createNodeHttp1Server(options);
  const reader =
    isFastPath &&
    createHttp1Reader({ handle, isFastPath, passToNode: node.take, idleTimeoutMs, connections });
  const http2 = createMultiplexed(options);
  return {
    takeHttp1: reader?.take ?? node.take,
    takeHttp2: http2.accept,
    shutDown: () => {
      reader?.close();
      node.shutDown();
      http2.shutDown();
    },
    destroy: http2.destroy,
    close: node.close,
  };
}

function createMultiplexed(options: EngineOptions): Http2Server {
  const { handle, idleTimeoutMs, connections } = options;
  return createHttp2Server({
    idleTimeoutMs,
    connections,
    onStream: (stream) => handle(new Http2Call(stream)),
    // Handlers answer their own errors. An error here is a bug of ours: report it where operators
    // look.
    onFault: (error) => process.emitWarning(error),
  });
}
