import { expect, test } from 'vitest';

import { eventPosition } from '../jetstream/events/event-position.ts';
import { jobText, readJob, type RedeliveryJob } from './job.ts';

const job: RedeliveryJob = {
  id: 'a1',
  destination: 'crm',
  selection: {
    sinceMs: 0,
    untilMs: Number.POSITIVE_INFINITY,
    eventName: '',
    source: '',
    user: '',
    missing: false,
  },
  state: 'running',
  rate: 100,
  ranges: [{ from: 5, to: 90 }],
  rest: [{ from: 41, to: 90 }],
  sent: 30,
  laneFrom: 1,
  holder: '',
  note: '',
  startedAtMs: 1,
  endedAtMs: 0,
};
const readAgain = (one: RedeliveryJob): RedeliveryJob =>
  readJob({ text: jobText(one), revision: 1 }).job;

test('a job in one partition has the form of releases without partitions', () => {
  const { ranges: _ranges, rest: _rest, ...others } = job;
  const selection = { ...job.selection, untilMs: null };
  const text = { ...others, selection, from: 5, upTo: 90, position: 40 };
  expect(JSON.parse(jobText(job))).toEqual(text);
  expect(readJob({ text: JSON.stringify(text), revision: 7 })).toEqual({ job, revision: 7 });
  // Of an empty log, and one that has read all.
  const empty = { ...job, ranges: [{ from: 1, to: 0 }], rest: [{ from: 1, to: 0 }] };
  expect(readAgain(empty)).toEqual(empty);
  const read = { ...job, rest: [{ from: 91, to: 90 }] };
  expect(readAgain(read)).toEqual(read);
});

test('a job in several partitions goes on in each where it was', () => {
  const at = eventPosition;
  const several = {
    ...job,
    ranges: [
      { from: 5, to: 90 },
      { from: at(3, 1), to: at(3, 70) },
    ],
    rest: [
      { from: 91, to: 90 },
      { from: at(3, 12), to: at(3, 70) },
    ],
  };
  expect(readAgain(several)).toEqual(several);
});
