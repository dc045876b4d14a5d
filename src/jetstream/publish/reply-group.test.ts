import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { PublishAck } from './publish-ack.ts';
import type { PublishError } from './publish-error.ts';
import { ReplyGroup } from './reply-group.ts';

type Told = PublishAck | PublishError['code'];

function openGroup(count: number) {
  const group = new ReplyGroup(1, undefined, 0);
  const told: (Told | undefined)[] = Array.from({ length: count });
  for (let at = 0; at < count; at += 1) {
    group.callbacks.push((ack, error) => {
      if (told[at] !== undefined) throw new Error('reported twice');
      told[at] = ack ?? error!.code;
    });
  }
  return { group, told };
}

function answer(group: ReplyGroup, text: string): boolean {
  const bytes = Buffer.from(`before${text}`);
  return group.answer(bytes, 6, bytes.length);
}

const stored = (sequence: number): string => `{"stream":"EVENTS", "seq":${sequence}}`;
const duplicate = (sequence: number): string =>
  `{"stream":"EVENTS", "seq":${sequence},"duplicate": true}`;
const refused = (code: number): string =>
  `{"error":{"code":503,"err_code":${code},"description":"no"},"stream":"EVENTS","seq":0}`;

describe('messages that share a reply subject', () => {
  test('get their sequences once there are as many as messages', () => {
    const { group, told } = openGroup(3);
    expect([7, 8, 12].map((sequence) => answer(group, stored(sequence)))).toEqual([
      false,
      false,
      true,
    ]);
    expect(group.finish()).toBe(true);
    expect(told).toEqual([7, 8, 12].map((sequence) => ({ sequence, duplicate: false })));
  });

  test('are refused with the reason if all have the same', () => {
    const { group, told } = openGroup(2);
    answer(group, refused(10077));
    expect(answer(group, refused(10077))).toBe(true);
    expect(group.finish()).toBe(true);
    expect(told).toEqual(['stream_full', 'stream_full']);
  });

  test.each([
    ['a duplicate', [stored(1), duplicate(1)]],
    ['duplicates alone', [duplicate(4), duplicate(5)]],
    ['a refusal', [stored(1), refused(10077)]],
    ['refusals for two reasons', [refused(10077), refused(10023)]],
    ['nobody there for one', [stored(1), '']],
    ['the same sequence again', [stored(1), stored(1)]],
    ['an earlier sequence', [stored(2), stored(1)]],
    ['no JSON', [stored(2), 'x']],
  ])('get no answer from %s', (_name, answers) => {
    const { group, told } = openGroup(2);
    answer(group, answers[0]!);
    expect(answer(group, answers[1]!)).toBe(true);
    expect(group.finish()).toBe(false);
    expect(told).toEqual([undefined, undefined]);
  });

  test('a single message gets its answer, whichever that is', () => {
    const tell = (text: string): Told | undefined => {
      const { group, told } = openGroup(1);
      expect([answer(group, text), group.finish()]).toEqual([true, true]);
      return told[0];
    };
    expect(tell(stored(5))).toEqual({ sequence: 5, duplicate: false });
    expect(tell(duplicate(5))).toEqual({ sequence: 5, duplicate: true });
    expect(tell(refused(10023))).toBe('store_full');
    expect(tell('')).toBe('no_stream');
  });

  test('are never reported as stored unless each of them is', () => {
    const outcome = fc.constantFrom('stored', 'duplicate', 'refused', 'lost', 'twice');
    fc.assert(
      fc.property(
        fc.array(outcome, { minLength: 2, maxLength: 8 }),
        fc.nat(99),
        (outcomes, late) => {
          const { group, told } = openGroup(outcomes.length);
          let sequence = 10;
          const answers = outcomes.flatMap((each) => {
            if (each === 'lost') return [];
            if (each === 'duplicate') return [duplicate(3)];
            if (each === 'refused') return [refused(10077)];
            sequence += 1;
            return each === 'twice' ? [stored(sequence), stored(sequence)] : [stored(sequence)];
          });
          // An answer may come later than it should.
          const moved = answers.splice(late % (answers.length + 1), 1);
          answers.push(...moved);
          const isTold = answers.some((text) => answer(group, text)) && group.finish();
          const allAre = (...kinds: string[]): boolean =>
            outcomes.every((each) => kinds.includes(each));
          expect(isTold && told.every((each) => typeof each === 'object')).toBe(
            isTold && allAre('stored', 'twice'),
          );
          expect(isTold && told.includes('stream_full')).toBe(isTold && allAre('refused'));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
