import type { SeenTraffic } from '../../../inference/traffic.ts';
import { readLines } from '../../read-lines.ts';
import type { WalkProgressBar } from '../../terminal/walk-progress.ts';
import { lineBytesMax } from '../../track/line.ts';
import type { TrackSource } from '../../track/source.ts';
import { readEventText } from '../../../operators/contracts/read-events.ts';
import { tally } from './walk-gate.ts';

/** Adds the events of a file, one a line. Returns how many lines hold no event. */
export async function walkFile(
  { stream, bytes }: TrackSource,
  traffic: SeenTraffic,
  progress: WalkProgressBar,
): Promise<number> {
  let unreadable = 0;
  let read = 0;
  for await (const lines of readLines(counted(stream), lineBytesMax)) {
    for (const line of lines) {
      const event = line.isTooLong ? undefined : readEventText(line.bytes.toString('utf8'));
      if (event === undefined) unreadable += 1;
      else traffic.add(event, 'file');
    }
    if (bytes === undefined) continue;
    const walk = { from: 1n, upTo: BigInt(bytes), reached: BigInt(Math.min(read, bytes)) };
    progress.reached(walk, tally(traffic));
  }
  return unreadable;

  async function* counted(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of input) {
      read += chunk.length;
      yield chunk;
    }
  }
}
