import { expect, test } from 'vitest';

import type { Arrived } from './arrived.ts';
import { outcomesOf } from './outcome.ts';
import type { Belief } from './run-program.ts';
import { scenarios, type Made } from './scenarios.ts';

const scenario = (name: string) => scenarios.find((one) => one.name === name)!;

const stored = (eventName: string): Arrived => ({
  eventName,
  code: undefined,
  text: '{"user_id":"run-track"}',
});
const rejected: Arrived = { ...stored('order_completed'), code: 'schema_violation' };

interface Case {
  readonly belief: Belief['belief'] | undefined;
  readonly arrived: readonly Arrived[];
  readonly problem: string | undefined;
  readonly scenario?: string;
  readonly made?: Partial<Made>;
}

const cases: Readonly<Record<string, Case>> = {
  'sent and stored': {
    belief: 'sent',
    arrived: [stored('order_completed')],
    problem: undefined,
  },
  'sent and missing': { belief: 'sent', arrived: [], problem: 'LOST' },
  'sent, and another event of a longer id stored': {
    belief: 'sent',
    arrived: [{ ...stored('order_completed'), text: '{"user_id":"run-track-2"}' }],
    problem: 'LOST',
  },
  'stored twice': {
    belief: 'failed',
    arrived: [stored('order_completed'), stored('order_completed')],
    problem: 'TWICE',
  },
  'stored and rejected': {
    belief: 'sent',
    arrived: [stored('order_completed'), rejected],
    problem: 'TWICE',
  },
  'sent, good and rejected': { belief: 'sent', arrived: [rejected], problem: 'REJECTED' },
  'sent, broken and rejected': {
    belief: 'sent',
    arrived: [rejected],
    problem: undefined,
    made: { isGood: false },
  },
  'stored as another event': {
    belief: 'sent',
    arrived: [stored('page_viewed')],
    problem: 'WRONG NAME',
  },
  'not settled': { belief: undefined, arrived: [stored('order_completed')], problem: 'CRASHED' },
  'not understood': { belief: 'broke', arrived: [], problem: 'BROKE' },
  'failed and stored': {
    belief: 'failed',
    arrived: [stored('order_completed')],
    problem: 'MISTAKEN',
  },
  'failed and stored, whose answer was lost': {
    belief: 'failed',
    arrived: [stored('order_completed')],
    problem: undefined,
    scenario: 'answer lost',
  },
  'failed and missing': { belief: 'failed', arrived: [], problem: 'REFUSED' },
  'failed and missing after a 503': {
    belief: 'failed',
    arrived: [],
    problem: undefined,
    scenario: '503 once',
  },
  'failed and missing, with an unknown key': {
    belief: 'failed',
    arrived: [],
    problem: undefined,
    scenario: 'refused key',
  },
  'flags that were answered': {
    belief: 'sent',
    arrived: [],
    problem: undefined,
    made: { call: 'flags' },
  },
  'flags that were not': {
    belief: 'failed',
    arrived: [],
    problem: 'REFUSED',
    made: { call: 'flags' },
  },
};

test.each(Object.entries(cases))('an event %s', (_name, one) => {
  const made: Made = { call: 'track', marker: 'run-track', isGood: true, ...one.made };
  const beliefs = new Map(
    one.belief === undefined ? [] : [[made.marker, { belief: one.belief, why: '' }]],
  );
  const ran = { beliefs, logs: [], crash: undefined };
  const [outcome] = outcomesOf(scenario(one.scenario ?? 'every call'), [made], ran, one.arrived);
  expect(outcome!.problem).toBe(one.problem);
});

const beliefs = new Map([['run-track', { belief: 'failed', why: '' }]] as const);

test.each([
  [true, [rejected, rejected], undefined],
  [false, [rejected, rejected], 'TWICE'],
  [true, [stored('order_completed'), stored('order_completed')], 'TWICE'],
  [true, [stored('order_completed'), rejected], 'TWICE'],
] as const)('sent again because it was rejected (%s)', (sendsRejectedAgain, arrived, problem) => {
  const made: Made[] = [{ call: 'track', marker: 'run-track', isGood: false }];
  const ran = { beliefs, logs: [], crash: undefined };
  const one = scenario('one rejected');
  const [outcome] = outcomesOf(one, made, ran, arrived, { sendsRejectedAgain });
  expect(outcome!.problem).toBe(problem);
});
