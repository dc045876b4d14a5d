import { addAbortSignal, type Readable } from 'node:stream';
import { excerpt } from '../http-client/answers.ts';

const answerBytesMax = 1_024;

/** What `exec` of the client resolves to. */
interface StatementAnswer {
  readonly stream: Readable;
  readonly response_headers: Readonly<Record<string, unknown>>;
}

/**
 * Reads the answer to a statement that changes rows, for its connection to be free. Throws unless ClickHouse says that it
 * is done: without a text, and with headers of its own. A proxy may answer 200 with a page of maintenance, and nothing is
 * stored. ClickHouse itself may find a fault after it has sent 200; that error has a `code`, as others of the client.
 */
export async function readAnswer(
  { stream, response_headers: headers }: StatementAnswer,
  signal: AbortSignal,
): Promise<void> {
  let text = '';
  for await (const chunk of addAbortSignal(signal, stream)) {
    text += String(chunk);
    // The rest is not read, and the connection is closed.
    if (text.length > answerBytesMax) break;
  }
  const code = /^Code: (\d+)\b/.exec(text)?.[1];
  if (code !== undefined) throw Object.assign(new Error(text), { code });
  if (text !== '') throw new Error(`another server has answered: ${excerpt(text)}`);
  if (!Object.keys(headers).some((name) => name.startsWith('x-clickhouse-'))) {
    throw new Error('the answer has no header x-clickhouse-..., so another server has answered');
  }
}
