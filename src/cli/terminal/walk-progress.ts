import { Presets, SingleBar } from 'cli-progress';

import type { StreamWalk } from '../../../gen/headgate/v1/stream_walk_pb.ts';

/** What is walked, and how far: sequences of a stream, or bytes of a file. */
export type WalkedRange = Pick<StreamWalk, 'from' | 'upTo' | 'reached'>;

/** The progress that a person sees while a stream is read page by page. */
export interface WalkProgressBar {
  /** After each page. `tally` is a few words: `1,200 accepted, 3 rejected`. */
  reached(walk: WalkedRange | undefined, tally: string): void;
  /** Removes the bar until the next page, so that lines can be printed. */
  pause(): void;
  stop(): void;
}

const drawingsPerSecond = 5;

/** Draws a bar on a terminal only, so that logs contain no bars. */
export function createWalkProgressBar(stream: NodeJS.WriteStream): WalkProgressBar {
  if (!stream.isTTY) return { reached: () => {}, pause: () => {}, stop: () => {} };
  const bar = new SingleBar(
    {
      stream,
      fps: drawingsPerSecond,
      hideCursor: false,
      format: '{bar} {percentage}% | {tally}',
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  let started = false;
  const stop = (): void => {
    if (started) bar.stop();
    started = false;
  };
  return {
    reached: (walk, tally) => {
      if (walk === undefined) return;
      const total = Math.max(1, Number(walk.upTo - walk.from) + 1);
      const done = Math.max(0, Number(walk.reached - walk.from) + 1);
      if (!started) bar.start(total, done, { tally });
      else bar.update(done, { tally });
      started = true;
    },
    pause: stop,
    stop,
  };
}
