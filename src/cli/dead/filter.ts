import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';

import type {
  CountDeadLettersResponse,
  DeadLetterService,
} from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { createReasonCounts, type ReasonCount } from '../../dead-letters/reason-counts.ts';
import type { AdminClient } from '../admin-client.ts';
import { readMoment, readUser } from '../terminal/option-values.ts';
import { oneLine } from '../terminal/print.ts';

/** The client of the admin port for dead letters. */
export type DeadClient = AdminClient<typeof DeadLetterService>;

/** Selects the dead letters of a command. */
export interface Filter {
  readonly destination?: string;
  readonly event?: string;
  readonly reason?: string;
  readonly user?: string;
  readonly since?: number;
  readonly until?: number;
}

export function withFilter(command: Command): Command {
  return command
    .option('--destination <name>', 'only of this destination')
    .option('--event <name>', 'of this event alone')
    .option('--reason <text>', 'with this text in the reason; case does not matter')
    .option('--user <id>', 'of this person: a user_id or an anonymous_id', readUser)
    .option('--since <time>', 'dead since: 2h ago, or 2026-03-01T12:00:00Z', readMoment)
    .option('--until <time>', 'dead before then', readMoment);
}

/** The filter as the service takes it. */
export function filterRequest(filter: Filter) {
  const { destination = '', event = '', reason = '', user = '', since, until } = filter;
  return {
    destination,
    eventName: event,
    reason,
    user,
    ...(since !== undefined && { since: timestampFromMs(since) }),
    ...(until !== undefined && { until: timestampFromMs(until) }),
  };
}

/** How many dead letters a filter matches, and their reasons. */
export interface FilterCounts {
  readonly count: number;
  readonly reasons: readonly ReasonCount[];
  /** The newest entry when it was counted. */
  readonly upTo: bigint;
}

/** The service counts in parts, each of a bounded time. */
export async function countAll(client: DeadClient, filter: Filter): Promise<FilterCounts> {
  const reasons = createReasonCounts();
  let count = 0;
  let upTo = 0n;
  let pageToken = '';
  do {
    const part: CountDeadLettersResponse = await client.call((service) =>
      service.countDeadLetters({ ...filterRequest(filter), pageToken }),
    );
    count += Number(part.count);
    upTo = part.walk?.upTo ?? 0n;
    for (const one of part.reasons) reasons.add(one.reason, Number(one.count));
    ({ nextPageToken: pageToken } = part);
  } while (pageToken !== '');
  return { count, upTo, reasons: reasons.counts() };
}

export function reasonLines(reasons: readonly ReasonCount[]): string {
  const width = Math.max(...reasons.map(({ count }) => String(count).length));
  return reasons
    .map(({ reason, count }) => `  ${String(count).padStart(width)}  ${oneLine(reason)}\n`)
    .join('');
}
