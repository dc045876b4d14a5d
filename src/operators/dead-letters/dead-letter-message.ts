import { fromJson, type JsonValue } from '@bufbuild/protobuf';

import { DeadLetterSchema, type DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import type { StoredDeadLetter } from '../../dead-letters/dead-letter-entry.ts';

const options = { ignoreUnknownFields: true };

/** The message of an entry for operators; omits an event that is not in the form of an event. */
export function deadLetterMessage(entry: StoredDeadLetter): DeadLetter {
  try {
    return fromJson(DeadLetterSchema, entry as unknown as JsonValue, options);
  } catch (error) {
    const { event, ...rest } = entry;
    if (event === undefined) throw error;
    return fromJson(DeadLetterSchema, rest as unknown as JsonValue, options);
  }
}
