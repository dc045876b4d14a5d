import { expect, test } from 'vitest';
import { parse } from 'yaml';

import { addToTaxonomy } from './edit-taxonomy.ts';
import type { NewEntry } from './taxonomy-text.ts';

const entry: NewEntry = {
  name: 'plan_renewed',
  owner: 'TODO',
  description: 'TODO: when it is sent',
  active: 1,
  mode: 'warn',
};
const fields = { owner: 'TODO', active: 1, mode: 'warn', compatibility: 'backward' };
const additions = { entries: [entry], activated: new Map([['order_completed', 2]]) };

test.each([
  ['two columns', 'events:\n  order_completed: # ours\n    active: 1 # now\n', '  plan_renewed:\n'],
  [
    'four columns',
    'events:\n    order_completed:\n        active: 1\n# end',
    '    plan_renewed:\n',
  ],
  ['no line end', 'events:\n  order_completed:\n    active: 1', '  plan_renewed:\n'],
  [
    'keys after it',
    'events:\n  order_completed:\n    active: 1\nverbs: [a]\n',
    '  plan_renewed:\n',
  ],
  ['flow entries', 'events:\n  order_completed: { active: 1, x: y } # a\n', '  plan_renewed:\n'],
])('entries are added where they belong: %s', (_name, text, line) => {
  const written = addToTaxonomy(text, additions);
  const expected = parse(text);
  expected.events.order_completed.active = 2;
  expected.events.plan_renewed = { ...fields, description: 'TODO: when it is sent' };
  expect(parse(written)).toEqual(expected);
  expect(written).toContain(line);
  // Every line of people is there, but for the number.
  for (const kept of text.split('\n'))
    expect(written).toContain(kept.replace('active: 1', 'active: 2'));
});

test('a taxonomy on one line is written again', () => {
  const written = addToTaxonomy('events: { order_completed: { owner: a } }', additions);
  expect(parse(written).events).toMatchObject({
    order_completed: { owner: 'a', active: 2 },
    plan_renewed: fields,
  });
});

test('nothing to add changes nothing', () => {
  const text = 'events:   {a: {active: 1}} # as it is\n';
  expect(addToTaxonomy(text, { entries: [], activated: new Map() })).toBe(text);
});
