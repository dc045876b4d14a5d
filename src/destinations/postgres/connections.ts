import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { whenAborted } from '../when-aborted.ts';

/** The pool of one destination. */
export interface PostgresConnections {
  /**
   * Passes a connection to `work`. Rejects at once when the signal is aborted. A connection with a
   * failed or unfinished statement is closed and never used again.
   */
  use<Value>(signal: AbortSignal, work: (client: PoolClient) => Promise<Value>): Promise<Value>;
  /** Waits for connections in use. */
  close(): Promise<void>;
}

export function createPostgresConnections(config: PoolConfig): PostgresConnections {
  const pool = new Pool(config);
  // An idle connection that breaks needs no report: the next use opens another.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return {
    async use(signal, work) {
      signal.throwIfAborted();
      const aborted = whenAborted(signal);
      const connecting = pool.connect();
      let client: PoolClient | undefined;
      let isClean = false;
      try {
        client = await Promise.race([connecting, aborted.promise]);
        const value = await Promise.race([work(client), aborted.promise]);
        isClean = true;
        return value;
      } finally {
        aborted.forget();
        // A connection that is still being opened is closed as soon as it is open.
        if (client === undefined)
          connecting.then(
            (late) => late.release(true),
            () => undefined,
          );
        else client.release(!isClean);
      }
    },
    close: () => pool.end(),
  };
}
