import { createBatchQueue } from './batch-queue.ts';
import type { GateClient } from '../gate-client.ts';
import { readLines } from '../read-lines.ts';
import { sendBatch, type SendingRun } from './send-batch.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { lineBytesMax, readTrackLine, type LineEvent } from './line.ts';
import { createProgress } from './progress.ts';
import type { TrackSource } from './source.ts';
import type { TrackEnd } from './summary.ts';

export interface RunTrackOptions {
  readonly makesKeys: boolean;
  readonly validateOnly: boolean;
  /** The events are imported: their times come from records. */
  readonly historical: boolean;
  readonly retryForMs: number;
  readonly inFlightMax: number;
  readonly rejectedFile: string | undefined;
  readonly isSingle: boolean;
}

/** Half of the default limit of a gate in events, a quarter in bytes. */
const batchEventsMax = 500;
const batchBytesMax = 1024 * 1024;

/** The longest delay for lines that arrive slowly by a pipe. */
const lingerMs = 200;

/** Sends every line of the source, and records the result of each. */
export async function runTrack(
  client: GateClient,
  source: TrackSource,
  options: RunTrackOptions,
): Promise<{ ledger: Ledger; end: TrackEnd }> {
  const { validateOnly, historical, isSingle } = options;
  const startedAt = performance.now();
  const ledger = createLedger(options.rejectedFile);
  const progress = createProgress(process.stderr, !isSingle, ledger, source.bytes);
  const controller = new AbortController();
  let stopped: string | undefined;
  const stop = (sentence: string): void => {
    stopped ??= sentence;
    controller.abort();
    source.stream.destroy();
  };
  let trouble = '';
  const onTrouble = (sentence: string): void => {
    if (sentence === trouble) return;
    trouble = sentence;
    progress.say(`${sentence}. Trying again for ${options.retryForMs / 1000} s.`);
  };
  const onInterrupt = (): void => stop('Interrupted');
  process.once('SIGINT', onInterrupt);
  try {
    const sending: SendingRun = {
      client,
      ledger,
      retryForMs: options.retryForMs,
      validateOnly,
      historical,
      stopped: controller.signal,
      stop,
      onTrouble,
    };
    await sendLines(source, options.makesKeys, options.inFlightMax, sending, progress.read);
  } finally {
    process.removeListener('SIGINT', onInterrupt);
    progress.stop();
    ledger.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { ledger, end: { seconds, stopped, validateOnly, isSingle } };
}

async function sendLines(
  source: TrackSource,
  makesKeys: boolean,
  inFlightMax: number,
  sending: SendingRun,
  onRead: (bytes: number) => void,
): Promise<void> {
  const { ledger, stopped } = sending;
  const queue = createBatchQueue<LineEvent>({
    send: (events) => sendBatch(sending, events),
    eventsMax: batchEventsMax,
    bytesMax: batchBytesMax,
    inFlightMax,
    lingerMs,
  });
  try {
    for await (const lines of readLines(counted(source, onRead), lineBytesMax)) {
      for (const line of lines) {
        if (stopped.aborted) break;
        ledger.lineRead();
        const reading = readTrackLine(line, makesKeys);
        if ('error' in reading) ledger.fault('rejected', reading, reading.error);
        else {
          const room = queue.add(reading, line.bytes.length);
          if (room !== undefined) await room;
        }
      }
    }
  } catch (error) {
    // The source is destroyed to end a read that might wait forever.
    if (!stopped.aborted && !isReadFault(error)) throw error;
    if (isReadFault(error)) sending.stop(`The input cannot be read to its end (${error.code})`);
  }
  await queue.finish();
}

/** True if a disk or pipe fails. Lines that were read are still sent and counted. */
function isReadFault(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

async function* counted(
  { stream }: TrackSource,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onRead(chunk.length);
    yield chunk;
  }
}
