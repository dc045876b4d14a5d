import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { MessageAnswers } from './consume/pulling/message-answers.ts';
import type { EventStreams } from './events/follow-event-streams.ts';
import type { Log } from './log.ts';
import type { ReadingPace } from './read/reading-pace.ts';
import type { TopologyOptions } from './topology.ts';
import type { Traffic } from './traffic.ts';

/** The NATS clients of a log. */
export interface LogClients {
  /** For pulls and reads. Publishing has its own connection, so that neither delays the other. */
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly events: EventStreams;
  /** Undefined if this process does not create or update streams. */
  readonly topology: TopologyOptions | undefined;
  /** The limits of what `connection` has requested. */
  readonly traffic: Traffic;
  /** How many messages a second are stored: by this process, or by all of them in EVENTS if that is more. */
  readonly takenPerSecond: () => number;
  /** Of those who read many messages beside producers. */
  readonly pace: ReadingPace;
  /** For what was delivered on `connection`. */
  readonly answers: MessageAnswers;
}

/** Kept outside the logs, because a log hides NATS from its users. */
const clientsByLog = new WeakMap<Log, LogClients>();

/** Registers the clients of a newly opened log. Returns the log. */
export function withClients(log: Log, clients: LogClients): Log {
  clientsByLog.set(log, clients);
  return log;
}

/**
 * The clients of a log, only for the functions of this folder (test/architecture/log.test.ts). Call
 * it once per pull or request, not per message. Throws a TypeError if `openLog` did not open the
 * log.
 */
export function clientsOf(log: Log): LogClients {
  const clients = clientsByLog.get(log);
  if (clients === undefined) throw new TypeError('this log was not opened by openLog');
  return clients;
}

/** The same for `test/`, which inspects and breaks streams. */
export const clientsForTests: (log: Log) => LogClients = clientsOf;
