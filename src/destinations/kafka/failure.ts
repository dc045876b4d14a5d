import type { MessageOutcome } from '../batch-requests.ts';
import { delivered, type Outcome } from '../destination.ts';

/**
 * Kafka error numbers that concern the records themselves, so a retry gets the same answer. Every
 * other error (no leader, too few replicas, no right to write, unknown topic) concerns the cluster
 * or its configuration.
 */
const recordErrors: ReadonlyMap<number, string> = new Map([
  [10, 'MESSAGE_TOO_LARGE'],
  [18, 'RECORD_LIST_TOO_LARGE'],
  [32, 'INVALID_TIMESTAMP'],
  [87, 'INVALID_RECORD'],
]);

/** What a failed call of the producer reported for one partition. */
interface PartitionAnswer {
  readonly index: number;
  readonly errorCode: number;
}

/**
 * Reads a failed call: what each partition accepted and what it refused. The records of a partition
 * succeed or fail together, so a refusal of several says only that one of them is bad.
 */
export function validateFailure(
  error: unknown,
  partitions: readonly number[],
  reason: string,
): readonly MessageOutcome[] {
  const answers = new Map(answersOf(error).map(({ index, errorCode }) => [index, errorCode]));
  const counts = new Map<number, number>();
  for (const partition of partitions) counts.set(partition, (counts.get(partition) ?? 0) + 1);
  const fault: Outcome = { kind: 'retry', fault: 'destination', reason };
  return partitions.map((partition): MessageOutcome => {
    const code = answers.get(partition);
    if (code === 0) return delivered;
    const refusal = code === undefined ? undefined : recordErrors.get(code);
    if (refusal === undefined) return fault;
    if (counts.get(partition) !== 1) return 'unclear';
    return { kind: 'dead', reason: `the topic refuses it: ${refusal}`, status: refusal };
  });
}

/** The answers of the brokers in an error, which holds one for each broker. */
function answersOf(error: unknown): PartitionAnswer[] {
  const { errors, produced, response } = error as {
    errors?: unknown;
    produced?: { offsets?: { partition: number }[] };
    response?: { responses?: { partitionResponses?: PartitionAnswer[] }[] };
  };
  const taken = (produced?.offsets ?? []).map(({ partition }) => ({
    index: partition,
    errorCode: 0,
  }));
  const refused = (response?.responses ?? []).flatMap((topic) => topic.partitionResponses ?? []);
  const nested = Array.isArray(errors) ? errors.flatMap(answersOf) : [];
  return [...nested, ...taken, ...refused];
}

const reasonCharactersMax = 300;

/** The innermost messages, each once: what is around them only counts the attempts. */
export function describeKafkaError(error: unknown): string {
  const text = [...new Set(messagesOf(error))].join('; ');
  return text.length > reasonCharactersMax ? `${text.slice(0, reasonCharactersMax)}...` : text;
}

function messagesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  if (inner.length > 0) return inner.flatMap(messagesOf);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return [`${error.message.replace(/\.$/, '')}${cause}`];
}
