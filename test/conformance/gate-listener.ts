import { createConnectEndpoints } from '../../src/gate/rpc/connect-router.ts';
import type { RpcEntry } from '../../src/gate/rpc/serve-rpc.ts';
import { trackRpcs } from '../../src/gate/rpc/track-rpcs.ts';
import { createRequestHandler, isFastPathOf } from '../../src/gate/route-request.ts';
import { listen, type Listener, type ListenOptions } from '../../src/http/listen.ts';
import { httpEngine } from '../http-engine.ts';
import { createGateContext } from './gate-context.ts';

type Tls = ListenOptions['tls'];

/** The gate's listener in front of any handler, on a free loopback port. */
export function openListener(
  tls: Tls,
  serve: Pick<ListenOptions, 'handle' | 'isFastPath'>,
): Promise<Listener> {
  return listen({
    address: { host: '127.0.0.1', port: 0 },
    tls,
    engine: httpEngine,
    ...serve,
    setting: 'none',
    idleTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    connectionsMax: 10_000,
  });
}

/**
 * The same with the gate's router and endpoints. Calls `onAnswered` after each request to an
 * endpoint.
 */
export function openGateListener(
  tls: Tls,
  requestBytesMax: number,
  rpcs: ReadonlyMap<string, RpcEntry> = trackRpcs,
  onAnswered: () => void = () => {},
): Promise<Listener> {
  const context = createGateContext(requestBytesMax, onAnswered);
  const connect = createConnectEndpoints(context);
  return openListener(tls, {
    handle: createRequestHandler(context, connect, new Map(), () => Buffer.from('{}'), rpcs),
    isFastPath: isFastPathOf(rpcs),
  });
}
