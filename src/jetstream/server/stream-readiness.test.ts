import { NoRespondersError, RequestError } from '@nats-io/nats-core';
import { describe, expect, test } from 'vitest';

import { waitUntilReadable } from './stream-readiness.ts';

/** Answers each read with the next answer, and repeats the last one. */
function managerThat(...answers: (Error | null)[]) {
  const asked: string[] = [];
  const getMessage = (stream: string): Promise<null> => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(stream);
    return answer === null ? Promise.resolve(null) : Promise.reject(answer);
  };
  const info = () => Promise.resolve({ cluster: { leader: leaders.shift() ?? 'n1' } });
  const leaders: string[] = ['n2', ''];
  return { asked, leaders, manager: { direct: { getMessage }, streams: { info } } as never };
}

const noResponders = new RequestError('no', {
  cause: new NoRespondersError('$JS.API.DIRECT.GET.EVENTS'),
});

describe('waiting for streams', () => {
  test('polls each stream until it answers', async () => {
    const { asked, leaders, manager } = managerThat(new NoRespondersError('x'), noResponders, null);
    await waitUntilReadable(manager, ['EVENTS', 'DEAD']);
    expect([asked, leaders]).toEqual([['EVENTS', 'EVENTS', 'EVENTS', 'DEAD'], []]);
  });

  test('fails with advice when a stream does not answer in time', async () => {
    const { manager } = managerThat(noResponders);
    await expect(waitUntilReadable(manager, ['EVENTS'], 150)).rejects.toThrow(
      /stream EVENTS does not answer after 0.15 s .*majority/,
    );
  });

  test('throws any other error unchanged', async () => {
    const { manager } = managerThat(new Error('not permitted'));
    await expect(waitUntilReadable(manager, ['EVENTS'])).rejects.toThrow('not permitted');
  });
});
