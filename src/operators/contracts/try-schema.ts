import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import type { TrySchemaRequest } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { ServiceError } from '../../errors.ts';
import type { PlannedEvent, SchemaRegistry } from '../../validation/schema-registry.ts';
import { candidateOf, readTriedSchema, type Candidate } from '../../validation/trial/candidate.ts';
import { createTryTally, type BrokenRule } from '../../validation/trial/try-tally.ts';
import { versionOf } from '../../registry/registry-editor.ts';
import { refuse } from '../request-fields.ts';
import { triedRejected, triedStored } from './tried-events.ts';
import {
  walkTraffic,
  type TrafficRange,
  type TrafficSink,
  type TrafficSources,
} from './walk-traffic.ts';

/** Rules in one answer. */
const rulesMax = 100;

/** What a candidate would have said of the events that came, as TrySchemaResponse. Rejects as `walkTraffic` does. */
export async function trySchema(
  sources: TrafficSources,
  registry: SchemaRegistry,
  wanted: Pick<TrySchemaRequest, 'version' | 'schemaJson'>,
  range: TrafficRange,
  signal: AbortSignal,
) {
  const candidate = readCandidate(registry, range.eventName, wanted);
  const tally = createTryTally(candidate);
  const sink: TrafficSink = {
    stored: (sequence, storedJson) => {
      const event = triedStored(storedJson);
      const { idempotencyKey: idempotency_key } = event;
      tally.validate(event, { stream: 'EVENTS', sequence, idempotency_key });
    },
    rejected: (sequence, text) => {
      const event = triedRejected(text);
      if (event === undefined) tally.skip();
      else {
        const { idempotencyKey: idempotency_key } = event;
        tally.validate(event, { stream: 'REJECTED', sequence, idempotency_key });
      }
    },
  };
  const incomplete = await walkTraffic(sources, range, sink, signal);
  const { stored, rejected } = tally.counts;
  return {
    stored: BigInt(stored.seen),
    storedPass: BigInt(stored.pass),
    storedWarned: BigInt(stored.warned),
    storedRejected: BigInt(stored.rejected),
    rejected: BigInt(rejected.seen),
    rejectedNewlyAccepted: BigInt(rejected.newly_accepted),
    rejectedStillRejected: BigInt(rejected.still_rejected),
    rules: tally.rules().slice(0, rulesMax).map(ruleMessage),
    mode: candidate.mode,
    incomplete,
    since: timestampFromMs(range.sinceMs),
  };
}

function readCandidate(
  registry: SchemaRegistry,
  eventName: string,
  { version, schemaJson }: Pick<TrySchemaRequest, 'version' | 'schemaJson'>,
): Candidate {
  if (version !== 0 && schemaJson !== '') {
    refuse('version and schema_json are given: leave one out.');
  }
  const planned = registry.events.find(({ name }) => name === eventName);
  if (schemaJson !== '') {
    const schema = readTriedSchema(schemaJson, (why) => refuse(`schema_json: ${why}.`));
    return candidateOf(registry, planned ?? withoutContract(eventName), schema, 'schema_json');
  }
  if (planned === undefined || planned.versions.length === 0) {
    throw new ServiceError('schema_not_found', `There is no schema of ${eventName}.`);
  }
  const schema = versionOf(planned, version === 0 ? planned.active : version);
  return candidateOf(registry, planned, schema, `version ${schema.version}`);
}

/** A first contract is tried as if it were enforced. */
function withoutContract(name: string): PlannedEvent {
  return {
    name,
    owner: '',
    description: '',
    active: 1,
    mode: 'enforce',
    compatibility: 'none',
    deprecated: [],
    superseded: new Map(),
    versions: [],
  };
}

function ruleMessage({ examples, stored, rejected, ...rule }: BrokenRule) {
  return {
    ...rule,
    stored: BigInt(stored),
    rejected: BigInt(rejected),
    examples: examples.map(({ stream, sequence, idempotency_key: idempotencyKey }) => ({
      stream,
      sequence: BigInt(sequence),
      idempotencyKey,
    })),
  };
}
