import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

import {
  DestinationStatus_State as State,
  DestinationStatusSchema,
  type DestinationService,
  type DestinationStatus,
} from '../../../gen/headgate/v1/destination_service_pb.ts';
import type { WorkerState } from '../../delivery/worker-state.ts';
import { ServiceError } from '../../errors.ts';
import { readBacklog } from '../../jetstream/consume/backlog.ts';
import {
  deleteDestinationConsumers,
  listConsumingDestinations,
} from '../../jetstream/consume/destination-consumer.ts';
import { countBeforeStart, readStart } from '../../jetstream/consume/start-position.ts';
import { readPauses, writePause, type Pause } from '../../jetstream/consume/pause/pause-entry.ts';
import type { Log } from '../../jetstream/log.ts';
import { countBySubject } from '../../jetstream/read/read.ts';
import { anyName, subjects } from '../../jetstream/topology.ts';
import type { Signals } from '../../observability/signals.ts';
import { operatorOf } from '../access/operator.ts';
import { readWhy, refuse } from '../request-fields.ts';
import { readRecentAttempts } from './recent-attempts.ts';

export interface DestinationServiceOptions {
  readonly log: Log;
  readonly signals: Pick<Signals, 'note'>;
  /** The destinations of the configuration. */
  readonly destinations: readonly { readonly name: string; readonly type: string }[];
  /** Undefined if no worker of this process delivers to the destination. */
  readonly stateOf: (name: string) => WorkerState | undefined;
  /** How many events were delivered since this process started. */
  readonly deliveredOf: (name: string) => number;
  /** Whether this process can ask the destination what it holds. */
  readonly canBeAsked: (name: string) => boolean;
}

/** `headgate.v1.DestinationService`, for the admin port. */
export function createDestinationService(
  options: DestinationServiceOptions,
): ServiceImpl<typeof DestinationService> {
  const { log, signals, destinations } = options;
  const configured = new Set(destinations.map(({ name }) => name));
  const removed = (): Promise<string[]> => listRemoved(options);
  const describeOne = (
    { name, type }: Described,
    pause: Pause | undefined,
  ): Promise<DestinationStatus> => describe(name, type, pause, options);
  const find = (name: string): Described => {
    const found = destinations.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new ServiceError(
      'destination_not_found',
      `The configuration has no destination ${name}.`,
    );
  };

  return {
    getDestination: async ({ name, attemptsMax }) => {
      if (attemptsMax > attemptsMaxMax) {
        refuse(`attempts_max is ${attemptsMax}; at most ${attemptsMaxMax} are returned.`);
      }
      const isRemoved = !configured.has(name) && (await removed()).includes(name);
      const found = isRemoved ? { name, type: '' } : find(name);
      const [destination, attempts] = await Promise.all([
        describeOne(found, (await readPauses(log)).get(name)),
        readRecentAttempts(log, name, attemptsMax || attemptsDefault),
      ]);
      return { destination, attempts };
    },
    pauseDestination: async ({ name, why }, context) => {
      const found = find(name);
      const pause = {
        why: readWhy(why, 'the destination is paused'),
        by: operatorOf(context).name,
        sinceMs: (await readPauses(log)).get(name)?.sinceMs ?? Date.now(),
      };
      await writePause(log, name, pause);
      return { destination: await describeOne(found, pause) };
    },
    resumeDestination: async ({ name }) => {
      const found = find(name);
      const resumed = (await readPauses(log)).has(name);
      if (resumed) await writePause(log, name, undefined);
      return { destination: await describeOne(found, undefined), resumed };
    },
    listDestinations: async () => ({ destinations: await listStatuses(options) }),
    removeDestination: async ({ name }, context) => {
      if (configured.has(name)) {
        const text = `${name} is in the configuration. Delete it there and restart; then remove it.`;
        throw new ServiceError('destination_in_use', text);
      }
      const backlog = (await removed()).includes(name) ? await readBacklog(log, name) : undefined;
      if (backlog === undefined) {
        const text = `No destination ${name} has a consumer position in the log.`;
        throw new ServiceError('destination_not_found', text);
      }
      if (backlog.pulls > 0) {
        const text = `A worker of another process still delivers to ${name}. Stop that process first.`;
        throw new ServiceError('destination_in_use', text);
      }
      await deleteDestinationConsumers(log, name);
      const operator = operatorOf(context).name;
      const { waiting } = backlog;
      signals.note({ destination: name, operator, waiting }, 'destination removed');
      return { waiting: BigInt(backlog.waiting) };
    },
  };
}

/** The status of every destination. Rejects when the log cannot be reached. */
export async function listStatuses(
  options: DestinationServiceOptions,
): Promise<DestinationStatus[]> {
  const forgotten = (await listRemoved(options)).map((name) => ({ name, type: '' }));
  const pauses = await readPauses(options.log);
  return Promise.all(
    [...options.destinations, ...forgotten].map(({ name, type }) =>
      describe(name, type, pauses.get(name), options),
    ),
  );
}

async function listRemoved({ log, destinations }: DestinationServiceOptions): Promise<string[]> {
  const configured = new Set(destinations.map(({ name }) => name));
  return (await listConsumingDestinations(log)).filter((name) => !configured.has(name));
}

interface Described {
  readonly name: string;
  readonly type: string;
}

const attemptsDefault = 20;
const attemptsMaxMax = 100;

/** `type` is empty for a destination that no configuration names. */
async function describe(
  name: string,
  type: string,
  pause: Pause | undefined,
  { log, stateOf, deliveredOf, canBeAsked }: DestinationServiceOptions,
): Promise<DestinationStatus> {
  const [backlog, start, dead] = await Promise.all([
    readBacklog(log, name),
    readStart(log, name),
    countBySubject(log, 'DEAD', subjects.dead(name, anyName)),
  ]);
  const beforeStart = start === undefined ? 0 : await countBeforeStart(log, start);
  let deadCount = 0;
  for (const count of dead.values()) deadCount += count;
  const state = type === '' ? undefined : stateWith(pause, stateOf(name));
  const oldestMs = backlog?.oldestMs ?? 0;
  return create(DestinationStatusSchema, {
    name,
    type,
    state: type === '' ? State.REMOVED : states[state?.kind ?? 'elsewhere'],
    reason: state?.reason ?? '',
    since: state && timestampFromMs(state.sinceMs),
    nextProbe: state?.nextProbeMs === undefined ? undefined : timestampFromMs(state.nextProbeMs),
    waiting: BigInt(backlog?.waiting ?? 0),
    delivered: BigInt(type === '' ? 0 : deliveredOf(name)),
    dead: BigInt(deadCount),
    oldestWaiting: oldestMs > 0 ? timestampFromMs(oldestMs) : undefined,
    beforeStart: BigInt(beforeStart),
    started:
      beforeStart > 0 && start?.recordedAtMs !== undefined
        ? timestampFromMs(start.recordedAtMs)
        : undefined,
    pausedBy: type === '' ? '' : (pause?.by ?? ''),
    canBeAsked: type !== '' && canBeAsked(name),
  });
}

/** The pause is that of the log, which the worker follows, and which also holds for other processes. */
function stateWith(
  pause: Pause | undefined,
  state: WorkerState | undefined,
): DescribedState | undefined {
  if (pause !== undefined) return { kind: 'paused', reason: pause.why, sinceMs: pause.sinceMs };
  // It was resumed, and its worker follows in a moment.
  return state?.kind === 'paused' ? { ...state, kind: 'running', reason: '' } : state;
}

type DescribedState = Pick<WorkerState, 'kind' | 'reason' | 'sinceMs'> &
  Partial<Pick<WorkerState, 'nextProbeMs'>>;

const states = {
  running: State.RUNNING,
  parked: State.PARKED,
  paused: State.PAUSED,
  disabled: State.DISABLED,
  stopped: State.STOPPED,
  elsewhere: State.ELSEWHERE,
} as const;
