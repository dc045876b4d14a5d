import { timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

import type { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import type { Config } from '../../config/config.ts';
import { ServiceError } from '../../errors.ts';
import { canonicalName, nameProblem } from '../../event/name/event-name.ts';
import { addToTaxonomy } from '../../inference/edit-taxonomy.ts';
import { modeText } from '../../validation/modes.ts';
import { schemaHash } from '../../validation/schema/schema-identity.ts';
import { isObserving } from '../../validation/taxonomy/taxonomy.ts';
import type { PlannedEvent, SchemaRegistry } from '../../validation/schema-registry.ts';
import { operatorOf, type OperatorContext } from '../access/operator.ts';
import { includesRole } from '../access/roles.ts';
import { readBounds, refuse } from '../request-fields.ts';
import { findLastEvents } from './last-events.ts';
import { inferContract } from './infer-contract.ts';
import { trySchema } from './try-schema.ts';
import { createTurns } from '../turns.ts';
import type { TrafficRange, TrafficSources } from './walk-traffic.ts';
import type { Registered, Registration } from '../../registry/register-schema.ts';
import { versionOf, type RegistryEditor } from '../../registry/registry-editor.ts';

/** The changes that operators can make if the contracts are kept in the log. */
export interface ChangeableRegistry extends RegistryEditor {
  register(registration: Registration): Promise<Registered>;
  readonly faults: () => readonly string[];
}

export interface RegistryServiceOptions {
  readonly source: Config['schemasSource'];
  /** The contracts by which this gate validates. */
  readonly registry: () => SchemaRegistry;
  /** Undefined if the contracts are files. */
  readonly changeable: ChangeableRegistry | undefined;
  /**
   * The text of taxonomy.yaml now; empty if there are no contracts yet, undefined if they are not files. Never
   * rejects.
   */
  readonly readTaxonomy: () => Promise<string | undefined>;
  readonly lastEventAtMs: (eventName: string) => Promise<number | undefined>;
  /** How many events of each name the log holds. */
  readonly countEvents: () => Promise<ReadonlyMap<string, number>>;
}

/** With the events on which schemas are tried, and from which they are inferred. */
export type RegistryServiceParts = RegistryServiceOptions & { readonly traffic: TrafficSources };

/** The new versions of one event that are checked before they are registered. */
const earlierMax = 250;
/** Characters of a name in a message. */
const shownMax = 100;

/** `headgate.v1.SchemaRegistryService`, for the admin port. */
export function createRegistryService(
  options: RegistryServiceParts,
): ServiceImpl<typeof SchemaRegistryService> {
  const { registry, traffic } = options;
  const turns = createTurns(
    waitingMax,
    () => new ServiceError('overloaded', 'Too many operators try schemas now. Try again soon.'),
  );
  const changeable = (): ChangeableRegistry => {
    if (options.changeable !== undefined) return options.changeable;
    throw new ServiceError('registry_read_only', 'Not changed.');
  };
  return {
    registerSchema: async ({ eventName, schemaJson, entry, earlierSchemasJson, ...wanted }) => {
      checkEarlier(earlierSchemasJson, wanted.validateOnly);
      const { created, findings, ...kept } = await changeable().register({
        name: eventName,
        version: wanted.version,
        schemaText: schemaJson,
        entryText: entry,
        activate: wanted.activate,
        validateOnly: wanted.validateOnly,
        earlierTexts: earlierSchemasJson,
      });
      const { schema, version: number } = kept.version;
      return {
        version: { version: number, hash: schemaHash(schema) },
        created,
        findings: findingMessages(findings),
      };
    },
    pushTaxonomy: async ({ taxonomy, validateOnly, plannedVersions }) => {
      const planned = new Map(Object.entries(plannedVersions));
      checkPlanned(planned, validateOnly);
      const { changed, kept } = await changeable().pushTaxonomy(taxonomy, validateOnly, planned);
      return { changed: [...changed], kept: [...kept] };
    },
    listSchemas: async ({ withLastEvents }) => ({
      source: options.source,
      faults: [...(options.changeable?.faults() ?? [])],
      events: await describeAll(options, withLastEvents),
      ...(withLastEvents ? await describeUnplanned(options) : {}),
      observing: isObserving(registry(), registry().events),
    }),
    getSchema: ({ eventName, version }) => describeVersion(options, eventName, version),
    activateSchema: async ({ eventName, version, activeVersion }) => {
      const findings = await changeable().activate(eventName, version, activeVersion);
      return { event: describe(find(registry(), eventName)), findings: findingMessages(findings) };
    },
    trySchema: async ({ version, schemaJson, ...request }, context) => {
      if (schemaJson !== '') checkMayTry(context);
      const range = readRange(request, dayMs);
      return turns.take(context.signal, () =>
        trySchema(traffic, registry(), { version, schemaJson }, range, context.signal),
      );
    },
    inferSchema: async ({ samplesMin, ...request }, { signal }) => {
      const range = readRange(request, 7 * dayMs);
      const least = samplesMin === 0 ? samplesMinDefault : samplesMin;
      const taxonomy = await options.readTaxonomy();
      return turns.take(signal, () =>
        inferContract(traffic, registry(), range, least, taxonomy, signal),
      );
    },
    deprecateSchema: async ({ eventName, version }) => {
      await changeable().deprecate(eventName, version);
      return { event: describe(find(registry(), eventName)) };
    },
  };
}

const dayMs = 86_400_000;
/** Readings that wait for the one that runs: each reads thousands of events. */
const waitingMax = 8;
const samplesMinDefault = 20;
const sourcePattern = /^[a-z0-9_-]+$/;

interface RangeRequest {
  readonly eventName: string;
  readonly source: string;
  readonly since?: Timestamp | undefined;
}

/** `defaultMs`: how far back it reads if the request does not say it. */
function readRange(request: RangeRequest, defaultMs: number): TrafficRange {
  const eventName = canonicalName(request.eventName);
  if (nameProblem(eventName) !== undefined) refuse('event_name is missing, or is not a name.');
  const { source, since } = request;
  if (source !== '' && !sourcePattern.test(source)) refuse('source is not a name.');
  const sinceMs = since === undefined ? Date.now() - defaultMs : readBounds({ since }).sinceMs;
  return { eventName, source, sinceMs };
}

/** A schema of a request is compiled in this process, as one that is stored is. */
function checkMayTry(context: OperatorContext): void {
  const { name, role } = operatorOf(context);
  if (includesRole(role, 'admin')) return;
  throw new ServiceError(
    'operator_not_allowed',
    `A schema_json needs the role admin, and ${name} has the role ${role}. A version needs viewer.`,
  );
}

function find(registry: SchemaRegistry, name: string): PlannedEvent {
  const event = registry.events.find((each) => each.name === name);
  if (event !== undefined) return event;
  throw new ServiceError('schema_not_found', `There is no event ${name}.`);
}

/** `number` 0: the active version. */
async function describeVersion(
  { registry, readTaxonomy }: RegistryServiceOptions,
  name: string,
  number: number,
) {
  const event = find(registry(), name);
  if (event.versions.length === 0) {
    throw new ServiceError('schema_not_found', `${name} has no schema: its mode is off.`);
  }
  const { version, schema } = versionOf(event, number === 0 ? event.active : number);
  const described = describe(event);
  const text = version === event.active ? undefined : await readTaxonomy();
  const activated = new Map([[event.name, version]]);
  return {
    event: described,
    version: described.versions[version - 1]!,
    schemaJson: JSON.stringify(schema),
    activatedTaxonomy: !text ? '' : addToTaxonomy(text, { entries: [], activated }),
  };
}

async function describeAll(options: RegistryServiceOptions, withLastEvents: boolean) {
  const { events } = options.registry();
  const described: Described[] = events.map(describe);
  if (!withLastEvents) return described;
  await addLastEvents(options, described);
  return described;
}

/** How many unplanned names one answer has. */
const unplannedMax = 1000;

interface Unplanned {
  readonly name: string;
  readonly events: bigint;
  lastEventAt?: Timestamp;
}

async function describeUnplanned(options: RegistryServiceOptions) {
  const planned = new Set(options.registry().events.map(({ name }) => name));
  const counts = [...(await options.countEvents())].filter(([name]) => !planned.has(name));
  const frequent = counts.sort(([, left], [, right]) => right - left).slice(0, unplannedMax);
  const unplanned = frequent.map(([name, events]): Unplanned => ({ name, events: BigInt(events) }));
  await addLastEvents(options, unplanned);
  return { unplanned, unplannedNames: counts.length };
}

async function addLastEvents(
  options: RegistryServiceOptions,
  events: readonly { readonly name: string; lastEventAt?: Timestamp }[],
): Promise<void> {
  const names = events.map(({ name }) => name);
  const times = await findLastEvents(names, options.lastEventAtMs);
  for (const event of events) {
    const at = times.get(event.name);
    if (at !== undefined) event.lastEventAt = timestampFromMs(at);
  }
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

function findingMessages(findings: Registered['findings']) {
  return findings.map(({ place, breaks, message }) => ({ place, breaks: [...breaks], message }));
}

function checkEarlier(schemas: readonly string[], validateOnly: boolean): void {
  if (schemas.length > 0 && !validateOnly) {
    refuse('earlier_schemas_json is only for validate_only: register these versions first.');
  }
  if (schemas.length > earlierMax) {
    refuse(
      `earlier_schemas_json has ${schemas.length} schemas; at most ${earlierMax} are checked.`,
    );
  }
}

function checkPlanned(planned: ReadonlyMap<string, number>, validateOnly: boolean): void {
  if (planned.size > 0 && !validateOnly) {
    refuse('planned_versions is only for validate_only: register these versions first.');
  }
  for (const [name, count] of planned) {
    if (count <= earlierMax) continue;
    const shown = JSON.stringify(name.slice(0, shownMax));
    refuse(`planned_versions of ${shown} is ${count}; at most ${earlierMax} are checked.`);
  }
}
