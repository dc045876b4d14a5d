import snowflake, {
  type Connection,
  type ConnectionOptions,
  type StatementOption,
} from 'snowflake-sdk';

import { whenAborted } from '../when-aborted.ts';
import { SnowflakeError, errorOf } from './fault.ts';

/** Rows of an answer: each an array of its columns. */
export type Rows = readonly (readonly (string | number | null)[])[];

/** A session of Snowflake: a login, with temporary tables and stages that end with it. */
export interface SnowflakeSession {
  /** Rejects with a SnowflakeError, after the timeout too. */
  run(sqlText: string): Promise<Rows>;
}

/** One session, and another after a failure. */
export interface SnowflakeSessions {
  /**
   * Passes the session to `work`, one call at a time. Rejects at once when the signal is aborted. A session
   * whose last statement was not answered is closed and never used again.
   */
  use<Value>(
    signal: AbortSignal,
    work: (session: SnowflakeSession) => Promise<Value>,
  ): Promise<Value>;
  /** Reads rows one after another, in a session of their own. None if there is no query. */
  read(
    query: (session: SnowflakeSession) => Promise<string | undefined>,
  ): AsyncIterable<Rows[number]>;
  close(): Promise<void>;
}

// The client writes a file snowflake.log into the working directory, and to the console, unless it is off.
snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false });

export interface SessionsOptions {
  readonly connection: ConnectionOptions;
  readonly timeoutMs: number;
  /** Statements that each session begins with. */
  readonly first: readonly string[];
}

export function createSessions(options: SessionsOptions): SnowflakeSessions {
  let opened: Promise<Session> | undefined;
  const drop = (of: Promise<Session>): void => {
    if (opened === of) opened = undefined;
    of.then(closeSession, () => undefined);
  };
  return {
    async use(signal, work) {
      signal.throwIfAborted();
      const aborted = whenAborted(signal);
      const using = (opened ??= openSession(options));
      const working = using.then((session) => {
        // It may have been aborted during the login.
        signal.throwIfAborted();
        return work(session);
      });
      // The race may be over before.
      working.catch(() => undefined);
      try {
        return await Promise.race([working, aborted.promise]);
      } catch (error) {
        const isSound = !signal.aborted && error instanceof SnowflakeError && isAnswer(error);
        if (!isSound || !(await rolledBack(using))) drop(using);
        throw error;
      } finally {
        aborted.forget();
      }
    },
    async *read(query) {
      const session = await openSession(options);
      try {
        const sqlText = await query(session);
        if (sqlText !== undefined) yield* streamRows(session.connection, sqlText);
      } finally {
        closeSession(session);
      }
    },
    async close() {
      if (opened !== undefined) drop(opened);
    },
  };
}

function isAnswer({ sqlState }: SnowflakeError): boolean {
  return sqlState !== undefined;
}

/** Whether the session can be used again: no transaction of it is open. */
function rolledBack(session: Promise<Session>): Promise<boolean> {
  return session
    .then(({ run }) => run('ROLLBACK'))
    .then(
      () => true,
      () => false,
    );
}

interface Session extends SnowflakeSession {
  readonly connection: Connection;
}

async function openSession({ connection, timeoutMs, first }: SessionsOptions): Promise<Session> {
  const opening = snowflake.createConnection(connection);
  const session: Session = {
    connection: opening,
    run: (sqlText) => execute(opening, timeoutMs, sqlText),
  };
  try {
    await answered(timeoutMs, (done) => void opening.connect((error) => done(error)));
    for (const statement of first) await session.run(statement);
    return session;
  } catch (error) {
    closeSession(session);
    throw error;
  }
}

/** A session that cannot be closed ends in Snowflake, which closes it when it has been idle for hours. */
function closeSession({ connection }: Session): void {
  try {
    connection.destroy(() => undefined);
  } catch {
    // It was never open.
  }
}

function execute(connection: Connection, timeoutMs: number, sqlText: string): Promise<Rows> {
  return answered(timeoutMs, (done) => {
    connection.execute({
      sqlText,
      rowMode: 'array',
      fetchAsString: ['Date', 'JSON'],
      complete: (error, _statement, rows) => done(error, rows),
    } as StatementOption);
  });
}

/** Waits for a callback of the client. */
async function answered(
  timeoutMs: number,
  ask: (done: (error: unknown, rows?: unknown[]) => void) => void,
): Promise<Rows> {
  const { promise, resolve, reject } = Promise.withResolvers<Rows>();
  const timer = setTimeout(
    () => reject(new SnowflakeError(`no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    ask((error, rows = []) => {
      if (error) reject(errorOf(error));
      else resolve(rows as unknown as Rows);
    });
    return await promise;
  } catch (error) {
    throw errorOf(error);
  } finally {
    clearTimeout(timer);
  }
}

async function* streamRows(connection: Connection, sqlText: string): AsyncIterable<Rows[number]> {
  const { promise, resolve, reject } = Promise.withResolvers<AsyncIterable<Rows[number]>>();
  connection.execute({
    sqlText,
    rowMode: 'array',
    streamResult: true,
    complete: (error, statement) => {
      if (error) reject(errorOf(error));
      else if ('streamRows' in statement) resolve(statement.streamRows());
    },
  } as StatementOption);
  try {
    yield* await promise;
  } catch (error) {
    throw errorOf(error);
  }
}
