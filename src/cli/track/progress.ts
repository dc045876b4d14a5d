import { Presets, SingleBar } from 'cli-progress';

import type { Ledger } from './ledger.ts';

/** The progress that a person sees while lines are sent. */
export interface TrackProgress {
  read(bytes: number): void;
  /** Prints a sentence above the bar. */
  say(sentence: string): void;
  stop(): void;
}

const drawingsPerSecond = 5;

/** Draws a bar on a terminal; elsewhere prints sentences only, so that logs contain no bars. */
export function createProgress(
  stream: NodeJS.WriteStream,
  isBarWanted: boolean,
  ledger: Ledger,
  bytesTotal: number | undefined,
): TrackProgress {
  if (!stream.isTTY || !isBarWanted) {
    return {
      read: () => {},
      say: (sentence) => void stream.write(`${sentence}\n`),
      stop: () => {},
    };
  }
  const tally = '{settled} events, {rate}/s, {rejected} rejected';
  const bar = new SingleBar(
    {
      stream,
      fps: drawingsPerSecond,
      hideCursor: false,
      // A sentence may stand above the bar.
      forceRedraw: true,
      format: bytesTotal === undefined ? tally : `{bar} {percentage}% | ${tally}`,
    },
    Presets.shades_classic,
  );
  const startedAt = performance.now();
  const payload = (): object => {
    const { accepted, duplicates, rejected } = ledger.counts;
    const settled = accepted + duplicates + rejected;
    const seconds = (performance.now() - startedAt) / 1000;
    const rate = Math.round(settled / Math.max(seconds, 0.001));
    return { settled: settled.toLocaleString('en'), rate: rate.toLocaleString('en'), rejected };
  };
  let bytesRead = 0;
  bar.start(bytesTotal ?? 0, 0, payload());
  return {
    read: (bytes) => {
      bytesRead += bytes;
      bar.update(bytesRead, payload());
    },
    say: (sentence) => {
      stream.write(`\r\u001b[K${sentence}\n`);
    },
    stop: () => {
      bar.update(bytesRead, payload());
      bar.stop();
    },
  };
}
