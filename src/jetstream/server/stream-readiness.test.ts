import { NoRespondersError, RequestError } from '@nats-io/nats-core';
import { describe, expect, test } from 'vitest';

import { waitUntilReadable } from './stream-readiness.ts';

/** Answers each read with the next of these, and from then on with the last. */
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

const nobody = new RequestError('no', {
  cause: new NoRespondersError('$JS.API.DIRECT.GET.EVENTS'),
});

describe('waiting for streams', () => {
  test('asks each until it answers', async () => {
    const { asked, leaders, manager } = managerThat(new NoRespondersError('x'), nobody, null);
    await waitUntilReadable(manager, ['EVENTS', 'DEAD']);
    expect([asked, leaders]).toEqual([['EVENTS', 'EVENTS', 'EVENTS', 'DEAD'], []]);
  });

  test('ends with what to look at', async () => {
    const { manager } = managerThat(nobody);
    await expect(waitUntilReadable(manager, ['EVENTS'], 150)).rejects.toThrow(
      /stream EVENTS does not answer after 0.15 s .*majority/,
    );
  });

  test('reports another error as it is', async () => {
    const { manager } = managerThat(new Error('not permitted'));
    await expect(waitUntilReadable(manager, ['EVENTS'])).rejects.toThrow('not permitted');
  });
});
