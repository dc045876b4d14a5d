import { expect, test } from 'vitest';

import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import { drawDelivery, githubEnums, githubExamples, githubMaps } from './github-traffic.fixture.ts';
import { inferSchema } from './infer-schema.ts';
import {
  mutate,
  mutationKinds,
  seededRandom,
  truthOf,
  type MutationKind,
  type Random,
  type Truth,
} from './mutations.fixture.ts';
import { segmentEnums, segmentEvents, segmentMaps } from './segment-traffic.fixture.ts';
import { addValue, emptySketch, placesMax } from './sketch.ts';

/*
 * A contract from one half of the traffic must take the other half, and refuse what breaks it. Both are
 * held together: one that takes everything, and one that refuses everything, are easy.
 */

const choices = { samplesMin: 20, personal: undefined };

interface TrafficOfOne {
  readonly name: string;
  draw(random: Random): JsonObject;
  readonly truth: Truth;
}

interface Score {
  taken: number;
  heldOut: number;
  readonly refused: Map<MutationKind, [refused: number, tried: number]>;
}

function validator(events: readonly JsonObject[]) {
  const sketch = emptySketch();
  const budget = { left: placesMax };
  for (const event of events) addValue(sketch, event, budget);
  const { findingsIn } = inferSchema(sketch, choices).compiled!;
  return { takes: (event: JsonObject) => findingsIn(event) === undefined };
}

function score(traffic: readonly TrafficOfOne[], half: number): Score {
  const random = seededRandom(7);
  const result: Score = { taken: 0, heldOut: 0, refused: new Map() };
  for (const { draw, truth } of traffic) {
    const made = Array.from({ length: half }, () => draw(random));
    const { takes } = validator(made);
    expect(made.filter((event) => !takes(event))).toEqual([]);
    for (let index = 0; index < half; index++) {
      const event = draw(random);
      result.heldOut += 1;
      // A mutation of what is refused anyway would prove nothing.
      if (!takes(event)) continue;
      result.taken += 1;
      if (index % mutatedEvery !== 0) continue;
      for (const kind of mutationKinds) {
        const broken = mutate(event, kind, truth, random);
        if (broken === undefined) continue;
        const [refused, tried] = result.refused.get(kind) ?? [0, 0];
        result.refused.set(kind, [refused + (takes(broken) ? 0 : 1), tried + 1]);
      }
    }
  }
  return result;
}

function report(title: string, { taken, heldOut, refused }: Score): void {
  const share = (some: number, all: number): string => `${((100 * some) / all).toFixed(2)} %`;
  const lines = [...refused].map(
    ([kind, [some, all]]) => `  refuses ${share(some, all)} of ${all} with ${kind}`,
  );
  console.log(
    [`${title}: takes ${share(taken, heldOut)} of ${heldOut} held out`, ...lines].join('\n'),
  );
}

/** What is below its bar; empty if nothing is. */
function belowBars({ taken, heldOut, refused }: Score): string[] {
  const below = taken / heldOut >= 0.99 ? [] : ['held out'];
  const kinds = mutationKinds.filter((kind) => {
    const [some, all] = refused.get(kind) ?? [0, 0];
    return all < 500 || some / all < 0.95;
  });
  return [...below, ...kinds];
}

/** Names with fewer examples have no form to learn. */
const examplesMin = 10;
/** Of the held-out events: each is mutated in every way. */
const mutatedEvery = 3;

test('contracts of GitHub webhooks take the other half, and refuse what breaks it', () => {
  const traffic = [...githubExamples()]
    .filter(([, examples]) => examples.length >= examplesMin)
    .map(([name, examples]): TrafficOfOne => ({
      name,
      draw: (random) => drawDelivery(examples, random),
      truth: truthOf(examples, githubEnums, githubMaps),
    }));
  expect(traffic.length).toBeGreaterThan(15);
  const result = score(traffic, 90);
  report('@octokit/webhooks-examples', result);
  expect(belowBars(result)).toEqual([]);
});

test('contracts of Segment calls take the other half, and refuse what breaks it', () => {
  const traffic = Object.entries(segmentEvents).map(([name, draw]): TrafficOfOne => {
    const random = seededRandom(1);
    const events = Array.from({ length: 2000 }, () => draw(random));
    return { name, draw, truth: truthOf(events, segmentEnums, segmentMaps) };
  });
  const result = score(traffic, 500);
  report('a Segment-like application', result);
  expect(belowBars(result)).toEqual([]);
});

test('without repetition: half of the examples themselves, which no contract can foresee', () => {
  let taken = 0;
  let heldOut = 0;
  for (const examples of githubExamples().values()) {
    if (examples.length < 9) continue;
    const made = examples.filter((_example, index) => index % 2 === 0);
    const others = examples.filter((_example, index) => index % 2 === 1);
    const { takes } = validator(made);
    expect(made.every((example) => isJsonObject(example) && takes(example))).toBe(true);
    heldOut += others.length;
    taken += others.filter(takes).length;
  }
  console.log(`single examples: takes ${taken} of ${heldOut}`);
  expect(taken / heldOut).toBeGreaterThan(0.5);
});
