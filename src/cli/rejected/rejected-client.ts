import { InvalidArgumentError } from 'commander';

import type { RejectedService } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import type { AdminClient } from '../admin-client.ts';

/** The client of the admin port for rejected events. */
export type RejectedClient = AdminClient<typeof RejectedService>;

/** Reads the number by which `headgate rejected list` shows an event. */
export function readNumber(text: string): bigint {
  if (/^[1-9]\d{0,14}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError(`"${text}" is not a number of "headgate rejected list".`);
}
