import { expect, test } from 'vitest';

import { headerBlock } from '../raw-publish.ts';
import { newLane, ReplyGroup } from './reply-group.ts';
import { createSharedReplies } from './shared-replies.ts';
import { PublishError } from '../publish-error.ts';

const message = {
  subject: 's',
  headers: headerBlock({ 'Nats-Msg-Id': 'a' }),
  payload: '1',
};

test('a message does not join a group that has failed before its block was sent', () => {
  let token = 0;
  const replies = createSharedReplies(1_000, (lane) => {
    token += 1;
    return new ReplyGroup(token, lane, 0);
  });
  const lane = replies.addLane({ dedups: true });
  const first = replies.groupFor(lane, message);
  expect(replies.groupFor(lane, message)).toBe(first);
  // The process stood still for longer than the group waits.
  replies.release(first);
  const second = replies.groupFor(lane, message);
  expect(second).not.toBe(first);
  expect(replies.groupFor(lane, message)).toBe(second);
});

test('a callback that throws takes no other from a group that fails', () => {
  const group = new ReplyGroup(1, newLane({ dedups: true }), 0);
  const codes: (string | undefined)[] = [];
  group.callbacks.push(
    () => {
      throw new Error('a fault of one caller');
    },
    (_ack, error) => void codes.push(error?.code),
  );
  group.fail(new PublishError('timeout', 'late'));
  expect(codes).toEqual(['timeout']);
});
