import type { EngineOptions, HttpEngine } from '../engine.ts';
import { createNodeHttp1Server } from './http1-server.ts';
import { createNodeHttp2Server } from './http2-server.ts';

/**
 * Node's own servers for HTTP/1.1 and HTTP/2: docs/operate/http-engines.md says when to use them.
 */
export function createNodeEngine(options: EngineOptions): HttpEngine {
  const { handle, idleTimeoutMs, connections } = options;
  const http1 = createNodeHttp1Server(options);
  const http2 = createNodeHttp2Server({
    handle,
    idleTimeoutMs,
    connections,
    // As in own-engine.ts.
    onFault: (error) => process.emitWarning(error),
  });
  return {
    takeHttp1: http1.take,
    takeHttp2: http2.accept,
    shutDown: () => {
      http1.shutDown();
      http2.shutDown();
    },
    destroy: http2.destroy,
    close: http1.close,
  };
}
