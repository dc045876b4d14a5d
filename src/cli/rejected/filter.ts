import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';

import {
  RejectedFilterSchema,
  type RejectedFilter,
} from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { errorCodes } from '../../errors.ts';
import { readMoment, readOneOf, readUser } from '../terminal/option-values.ts';

/** The options that select rejected events. */
export interface FilterOptions {
  readonly source?: string;
  readonly event?: string;
  readonly code?: string;
  readonly user?: string;
  /** Milliseconds since 1970, as `until` is. */
  readonly since?: number;
  readonly until?: number;
}

export function withFilter(command: Command): Command {
  return command
    .option('--source <name>', 'only of this source')
    .option('--event <name>', 'only of this event name, as it was sent')
    .option('--code <code>', 'only rejected with this code', readOneOf(errorCodes))
    .option('--user <id>', 'only of this person: a user_id or an anonymous_id', readUser)
    .option('--since <time>', 'received since: 24h ago, or 2026-03-01T12:00:00Z', readMoment)
    .option('--until <time>', 'received before: 1h ago, or 2026-03-01T12:00:00Z', readMoment);
}

/** Which settled events are included: by default none. */
export interface SettledOptions {
  readonly replayed?: true;
  readonly discarded?: true;
}

export function filterMessage(
  options: FilterOptions,
  { replayed, discarded }: SettledOptions = {},
): RejectedFilter {
  const { source = '', event = '', code = '', user = '', since, until } = options;
  return create(RejectedFilterSchema, {
    source,
    eventName: event,
    code,
    user,
    withReplayed: replayed === true,
    withDiscarded: discarded === true,
    ...(since !== undefined && { since: timestampFromMs(since) }),
    ...(until !== undefined && { until: timestampFromMs(until) }),
  });
}
