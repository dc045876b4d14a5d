import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { PublishAck } from '../publish-ack.ts';
import type { PublishError } from '../publish-error.ts';
import { newLane, ReplyGroup } from './reply-group.ts';

type Outcome = PublishAck | PublishError['code'];

function openGroup(count: number) {
  const group = new ReplyGroup(1, newLane({ dedups: true }), 0);
  const outcomes: (Outcome | undefined)[] = Array.from({ length: count });
  for (let at = 0; at < count; at += 1) {
    group.callbacks.push((ack, error) => {
      if (outcomes[at] !== undefined) throw new Error('reported twice');
      outcomes[at] = ack ?? error!.code;
    });
  }
  return { group, outcomes };
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
  test('get their sequences once every message has one', () => {
    const { group, outcomes } = openGroup(3);
    expect([7, 8, 12].map((sequence) => answer(group, stored(sequence)))).toEqual([
      false,
      false,
      true,
    ]);
    expect(group.finish()).toBe(true);
    expect(outcomes).toEqual([7, 8, 12].map((sequence) => ({ sequence, duplicate: false })));
  });

  test('fail with the error if all messages have the same one', () => {
    const { group, outcomes } = openGroup(2);
    answer(group, refused(10077));
    expect(answer(group, refused(10077))).toBe(true);
    expect(group.finish()).toBe(true);
    expect(outcomes).toEqual(['stream_full', 'stream_full']);
  });

  test.each([
    ['a duplicate', [stored(1), duplicate(1)]],
    ['duplicates alone', [duplicate(4), duplicate(5)]],
    ['an error', [stored(1), refused(10077)]],
    ['two different errors', [refused(10077), refused(10023)]],
    ['no responders for one message', [stored(1), '']],
    ['a repeated sequence', [stored(1), stored(1)]],
    ['an earlier sequence', [stored(2), stored(1)]],
    ['text that is not JSON', [stored(2), 'x']],
  ])('have no known outcome after %s', (_name, answers) => {
    const { group, outcomes } = openGroup(2);
    answer(group, answers[0]!);
    expect(answer(group, answers[1]!)).toBe(true);
    expect(group.finish()).toBe(false);
    expect(outcomes).toEqual([undefined, undefined]);
  });

  test('a single message gets its own answer', () => {
    const outcomeOf = (text: string): Outcome | undefined => {
      const { group, outcomes } = openGroup(1);
      expect([answer(group, text), group.finish()]).toEqual([true, true]);
      return outcomes[0];
    };
    expect(outcomeOf(stored(5))).toEqual({ sequence: 5, duplicate: false });
    expect(outcomeOf(duplicate(5))).toEqual({ sequence: 5, duplicate: true });
    expect(outcomeOf(refused(10023))).toBe('store_full');
    expect(outcomeOf('')).toBe('no_stream');
  });

  test('are reported as stored only if each of them is stored', () => {
    const kind = fc.constantFrom('stored', 'duplicate', 'refused', 'lost', 'twice');
    fc.assert(
      fc.property(fc.array(kind, { minLength: 2, maxLength: 8 }), fc.nat(99), (kinds, late) => {
        const { group, outcomes } = openGroup(kinds.length);
        let sequence = 10;
        const answers = kinds.flatMap((each) => {
          if (each === 'lost') return [];
          if (each === 'duplicate') return [duplicate(3)];
          if (each === 'refused') return [refused(10077)];
          sequence += 1;
          return each === 'twice' ? [stored(sequence), stored(sequence)] : [stored(sequence)];
        });
        // One answer may arrive late.
        const moved = answers.splice(late % (answers.length + 1), 1);
        answers.push(...moved);
        const isKnown = answers.some((text) => answer(group, text)) && group.finish();
        const allAre = (...wanted: string[]): boolean =>
          kinds.every((each) => wanted.includes(each));
        expect(isKnown && outcomes.every((each) => typeof each === 'object')).toBe(
          isKnown && allAre('stored', 'twice'),
        );
        expect(isKnown && outcomes.includes('stream_full')).toBe(isKnown && allAre('refused'));
      }),
      { numRuns: 2000 },
    );
  });
});
