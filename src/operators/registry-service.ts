import { timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import type { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import type { Config } from '../config/config.ts';
import { ServiceError } from '../errors.ts';
import { answerOperators } from './answer-operators.ts';
import type { Signals } from '../observability/signals.ts';
import { modeText } from '../validation/modes.ts';
import { schemaHash } from '../validation/schema/schema-identity.ts';
import type { PlannedEvent, SchemaRegistry } from '../validation/schema-registry.ts';
import type { Registered, Registration } from '../registry/register-schema.ts';
import { versionOf, type RegistryEditor } from '../registry/registry-editor.ts';

/** What can be changed where the contracts are kept in the log. */
export interface ChangeableRegistry extends RegistryEditor {
  register(registration: Registration): Promise<Registered>;
  readonly faults: () => readonly string[];
}

export interface RegistryServiceOptions {
  readonly source: Config['schemasSource'];
  /** By which this gate validates. */
  readonly registry: () => SchemaRegistry;
  /** Undefined: the contracts are files. */
  readonly changeable: ChangeableRegistry | undefined;
  readonly lastEventAtMs: (eventName: string) => Promise<number | undefined>;
  readonly signals: Pick<Signals, 'trouble'>;
}

/** Lookups of last events under way at a time. */
const lookupsMax = 16;

/** `headgate.v1.SchemaRegistryService`, for the admin port. */
export function createRegistryService(
  options: RegistryServiceOptions,
): ServiceImpl<typeof SchemaRegistryService> {
  const { registry, signals } = options;
  const answer = answerOperators('the schema registry', signals, notDone);
  const changeable = (): ChangeableRegistry => {
    if (options.changeable !== undefined) return options.changeable;
    throw new ServiceError('registry_read_only', 'Not changed.');
  };
  return {
    registerSchema: ({ eventName, version, schemaJson, entry, activate, validateOnly }) =>
      answer(async () => {
        const { created, findings, ...kept } = await changeable().register({
          name: eventName,
          version,
          schemaText: schemaJson,
          entryText: entry,
          activate,
          validateOnly,
        });
        const { schema } = kept.version;
        const number = kept.version.version;
        return {
          version: { version: number, hash: schemaHash(schema) },
          created,
          findings: messagesOf(findings),
        };
      }),
    pushTaxonomy: ({ taxonomy, validateOnly }) =>
      answer(async () => {
        const { changed, kept } = await changeable().pushTaxonomy(taxonomy, validateOnly);
        return { changed: [...changed], kept: [...kept] };
      }),
    listSchemas: ({ withLastEvents }) =>
      answer(async () => ({
        source: options.source,
        faults: [...(options.changeable?.faults() ?? [])],
        events: await describeAll(options, withLastEvents),
      })),
    getSchema: ({ eventName, version }) =>
      answer(async () => {
        const event = find(registry(), eventName);
        const wanted = versionOf(event, version === 0 ? event.active : version);
        const described = describe(event);
        return {
          event: described,
          version: described.versions[wanted.version - 1]!,
          schemaJson: JSON.stringify(wanted.schema),
        };
      }),
    activateSchema: ({ eventName, version }) =>
      answer(async () => {
        const findings = await changeable().activate(eventName, version);
        return { event: describe(find(registry(), eventName)), findings: messagesOf(findings) };
      }),
    deprecateSchema: ({ eventName, version }) =>
      answer(async () => {
        await changeable().deprecate(eventName, version);
        return { event: describe(find(registry(), eventName)) };
      }),
  };
}

function find(registry: SchemaRegistry, name: string): PlannedEvent {
  const event = registry.events.find((each) => each.name === name);
  if (event !== undefined) return event;
  throw new ServiceError('schema_not_found', `There is no event ${name}.`);
}

async function describeAll(options: RegistryServiceOptions, withLastEvents: boolean) {
  const { events } = options.registry();
  const described: Described[] = events.map(describe);
  if (!withLastEvents) return described;
  const waiting = described.values();
  const lookUp = async (): Promise<void> => {
    for (const event of waiting) {
      const at = await options.lastEventAtMs(event.name);
      if (at !== undefined) event.lastEventAt = timestampFromMs(at);
    }
  };
  await Promise.all(Array.from({ length: lookupsMax }, lookUp));
  return described;
}

type Described = ReturnType<typeof describe> & { lastEventAt?: Timestamp };

function describe(event: PlannedEvent) {
  const { name, owner, description, compatibility, active, deprecated, superseded } = event;
  const versions = event.versions.map(({ version, schema }) => ({
    version,
    hash: schemaHash(schema),
    deprecated: deprecated.includes(version),
    supersededBy: superseded.get(version) ?? 0,
  }));
  const mode = modeText(event.mode);
  return { name, owner, description, compatibility, active, versions, mode };
}

function messagesOf(findings: Registered['findings']) {
  return findings.map(({ place, breaks, message }) => ({ place, breaks: [...breaks], message }));
}

function notDone(error: unknown): ConnectError | undefined {
  // Of the log's client there are many; what Node throws by itself is a fault of ours.
  if (error instanceof TypeError || error instanceof RangeError) return undefined;
  return new ConnectError(
    `The log did not do it (${(error as Error).message}), or nobody knows whether it did. Try again.`,
    Code.Unavailable,
  );
}
