import type { Registry } from 'prom-client';

import type { Logger } from '../logger.ts';
import { createCounter, createGauge, type CounterSeries } from '../metric-families.ts';

/** What became of a message of `intake.nats`; the first two acknowledge it. */
export const natsIntakeOutcomes = ['stored', 'quarantined', 'retry', 'returned'] as const;
export type NatsIntakeOutcome = (typeof natsIntakeOutcomes)[number];

/** How far a source of `intake.nats` is, as the first process of a gate sees it. */
interface NatsIntakeState {
  /** Messages that were not acknowledged when the consumer was last read. */
  pending: number;
  isUp: boolean;
  /** Why it is not up. Undefined: it is, or was not read yet. */
  fault: string | undefined;
}

/** The metrics of the sources of `intake.nats`. */
export interface NatsIntakeMetrics {
  readonly messages: ReadonlyMap<string, Readonly<Record<NatsIntakeOutcome, CounterSeries>>>;
  readonly states: ReadonlyMap<string, NatsIntakeState>;
}

/** `sources` are those of `intake.nats`. A process without them has no such series. */
export function createNatsIntakeMetrics(
  registry: Registry,
  sources: readonly string[],
): NatsIntakeMetrics {
  const counter = createCounter(registry, {
    name: 'headgate_nats_intake_messages_total',
    help: 'Messages that were taken from streams of NATS, by result. `stored` and `quarantined` are acknowledged; `retry` and `returned` (at a stop) come again.',
    labels: ['source', 'outcome'],
  });
  const messages = new Map(
    sources.map((source) => {
      const series = natsIntakeOutcomes.map((outcome): [NatsIntakeOutcome, CounterSeries] => [
        outcome,
        counter.series(source, outcome),
      ]);
      return [source, Object.fromEntries(series) as Record<NatsIntakeOutcome, CounterSeries>];
    }),
  );
  const states = new Map(
    sources.map((source): [string, NatsIntakeState] => [
      source,
      { pending: 0, isUp: false, fault: undefined },
    ]),
  );
  createGauge(
    registry,
    {
      name: 'headgate_nats_intake_pending',
      help: 'Messages that the consumer of a source has not acknowledged yet, delivered or not, when it was last seen.',
      labels: ['source'],
    },
    () => [...states].map(([source, { pending }]) => ({ labels: [source], value: pending })),
  );
  createGauge(
    registry,
    {
      name: 'headgate_nats_intake_up',
      help: '1 while the stream and the consumer of a source can be read, else 0.',
      labels: ['source'],
    },
    () => [...states].map(([source, { isUp }]) => ({ labels: [source], value: isUp ? 1 : 0 })),
  );
  return { messages, states };
}

/** The signals about sources of `intake.nats`. */
export function createNatsIntakeSignals({ messages, states }: NatsIntakeMetrics, logger: Logger) {
  return {
    natsIntakeSettled: (source: string, outcome: NatsIntakeOutcome): void => {
      messages.get(source)![outcome].value += 1;
    },
    /** The consumer of a source was read. One line when it can be read again. */
    natsIntakeSeen: (source: string, pending: number): void => {
      const state = states.get(source)!;
      if (!state.isUp) {
        logger.info({ source, pending }, 'events are taken from a stream of NATS');
      }
      Object.assign(state, { pending, isUp: true, fault: undefined });
    },
    /** No messages can be taken. One line for each reason. */
    natsIntakeDown: (source: string, fault: string): void => {
      const state = states.get(source)!;
      if (state.fault !== fault) {
        logger.error(
          { source, fault },
          `no events are taken from the stream of intake.nats.${source}: ${fault}`,
        );
      }
      Object.assign(state, { isUp: false, fault });
    },
  };
}
