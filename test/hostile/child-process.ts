import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A process of this folder that does what it is told, until it is disposed of. */
export interface Child extends AsyncDisposable {
  readonly processId: number;
  tell(message: string | number): void;
  /** Tells it, and resolves with its answer. */
  ask<Answer>(message: string | number): Promise<Answer>;
}

/** Starts a file of this folder as a process, and waits until it says that it is ready. */
export async function startChild(file: string, ...args: readonly string[]): Promise<Child> {
  const child = fork(new URL(file, import.meta.url), args, { execArgv: [], serialization: 'json' });
  await once(child, 'message');
  return {
    processId: child.pid!,
    tell: (message) => void child.send(message),
    ask: async <Answer>(message: string | number) => {
      const answered = once(child, 'message');
      child.send(message);
      const [answer] = (await answered) as [Answer];
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    },
  };
}
