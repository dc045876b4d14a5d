import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A sound line of the form of POST /v1/track, with what a test lays over it. */
export function orderLine(index: number, fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    event_name: 'order_completed',
    user_id: `u-${index % 100}`,
    idempotency_key: randomUUID(),
    properties: { order_id: `A-${index}`, total: index / 100, currency: 'EUR' },
    ...fields,
  });
}

export interface Folder extends AsyncDisposable {
  readonly path: string;
  /** Writes a file into it and gives its path. */
  write(name: string, content: string | Buffer): Promise<string>;
}

/** A folder that is gone after the test. */
export async function openFolder(): Promise<Folder> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-cli-'));
  return {
    path: folder,
    write: async (name, content) => {
      const file = path.join(folder, name);
      await writeFile(file, content);
      return file;
    },
    [Symbol.asyncDispose]: () =>
      rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}
