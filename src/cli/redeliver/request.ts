import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import type { RedeliveryService } from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import type { AdminClient } from '../admin-client.ts';

/** The client of the admin port for redeliveries. */
export type RedeliveryClient = AdminClient<typeof RedeliveryService>;

/** The options of `headgate redeliver`. Times are Unix times in ms. */
export interface RedeliverOptions {
  readonly destination?: string;
  readonly since?: number;
  readonly until?: number;
  readonly event?: string;
  readonly source?: string;
  readonly user?: string;
  readonly missing?: true;
  readonly rate?: number;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** The selection as the service takes it. It ends now: what comes later is fresh. */
export function selectionRequest(options: RedeliverOptions, destination: string) {
  const { since, until = Date.now(), event = '', source = '', user = '' } = options;
  const { missing = false } = options;
  return {
    destination,
    ...(since !== undefined && { since: timestampFromMs(since) }),
    until: timestampFromMs(until),
    eventName: event,
    source,
    user,
    missing,
  };
}
