import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Log } from './log.ts';

/** The NATS clients of a log. */
export interface LogClients {
  /** For pulls and reads. Publishing has a connection of its own, so that neither waits. */
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
}

/** Beside the logs, not in them: a log shows its users nothing of NATS. */
const clientsByLog = new WeakMap<Log, LogClients>();

/** Remembers the clients of a log that was just opened. Returns the log. */
export function withClients(log: Log, clients: LogClients): Log {
  clientsByLog.set(log, clients);
  return log;
}

/**
 * The clients of a log, for the functions of this folder alone (test/architecture/log.test.ts). Call
 * it once per pull or request, not per message. Throws a TypeError when `openLog` did not open it.
 */
export function clientsOf(log: Log): LogClients {
  const clients = clientsByLog.get(log);
  if (clients === undefined) throw new TypeError('this log was not opened by openLog');
  return clients;
}

/** The same, for `test/` alone: to look at streams, and to break them. */
export const clientsForTests: (log: Log) => LogClients = clientsOf;
