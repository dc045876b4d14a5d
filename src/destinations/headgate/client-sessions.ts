import type { ClientHttp2Stream } from 'node:http2';

import { Http2SessionManager } from '@connectrpc/connect-node';

/**
 * The connections of a gRPC client, which may be aborted at any time.
 *
 * A session that fails ends its streams first and emits `error` some turns later. `abort` in between, as the
 * end of a failed call may cause, takes away the manager's listener: without another one, Node ends the
 * process.
 */
export class ClientSessions extends Http2SessionManager {
  private readonly known = new WeakSet<object>();

  override async request(
    ...call: Parameters<Http2SessionManager['request']>
  ): Promise<ClientHttp2Stream> {
    const stream = await super.request(...call);
    const { session } = stream;
    if (session !== undefined && !this.known.has(session)) {
      this.known.add(session);
      // The manager and the streams report the error.
      session.on('error', () => {});
    }
    return stream;
  }
}
