import type { Worker } from 'node:worker_threads';

/** What a thread of ours answers. Each kind of answer has a name. */
interface Named {
  readonly kind: string;
}

/**
 * Calls the listener with each answer of the thread, until the returned function is called. Node sends messages
 * of its own through the same port: with `--watch`, the files that the thread has imported, before it answers.
 */
export function onReply<Reply extends Named>(
  thread: Worker,
  listener: (reply: Reply) => void,
): () => void {
  const onMessage = (message: unknown): void => {
    if (isNamed(message)) listener(message as Reply);
  };
  thread.on('message', onMessage);
  return () => thread.off('message', onMessage);
}

function isNamed(message: unknown): message is Named {
  return typeof message === 'object' && message !== null && 'kind' in message;
}
