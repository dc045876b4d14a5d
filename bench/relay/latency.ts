import { restBody, keyOffsets, writeKey } from '../payload.ts';
import { post, scrape, type Pair } from './forward.ts';

export interface LatencyOptions extends Pair {
  /** Of the far gate. */
  readonly key: string;
  /** To each of the two. */
  readonly calls: number;
}

/**
 * Track to the relay and to the far gate in turns, one call at a time, `fsync` at both: what a producer
 * waits. Then what an event took from the relay to the far gate.
 */
export async function measureLatency(options: LatencyOptions): Promise<string[]> {
  const { relay, far, key, calls } = options;
  const offset = keyOffsets(restBody)[0]!;
  const run = (Math.random() * 0xffff_ffff) >>> 0;
  let number = 0;
  const track = async (port: number, headers: Readonly<Record<string, string>>) => {
    const body = Buffer.from(restBody);
    writeKey(body, offset, run, (number += 1));
    const startedAt = performance.now();
    await post(port, '/v1/track', body, headers);
    return performance.now() - startedAt;
  };
  const throughRelay: number[] = [];
  const direct: number[] = [];
  const before = readLag(await scrape(far));
  for (let call = -warmCalls; call < calls; call += 1) {
    const here = await track(relay.port, {});
    const there = await track(far.port, { 'x-write-key': key });
    if (call < 0) continue;
    throughRelay.push(here);
    direct.push(there);
  }
  const [near, gate] = [quantiles(throughRelay), quantiles(direct)];
  const ratio = (which: 'p50' | 'p99'): string => (near[which] / gate[which]).toFixed(2);
  const shown = ({ p50, p99 }: Quantiles): string =>
    `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
  const after = readLag(await scrape(far));
  const meanMs = ((after.sum - before.sum) / (after.count - before.count)) * 1_000;
  return [
    `     Track, answered by the relay: ${shown(near)}; by the far gate: ${shown(gate)} ` +
      `(${calls} calls each; ratio ${ratio('p50')} and ${ratio('p99')})`,
    `     from the relay's acknowledgement to the far gate: ${meanMs.toFixed(1)} ms (mean)`,
  ];
}

const warmCalls = 200;

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

function quantiles(values: number[]): Quantiles {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** In seconds, of all events so far. */
function readLag(text: string): { sum: number; count: number } {
  const read = (name: string): number =>
    Number(
      new RegExp(`^headgate_relay_lag_seconds_${name}\\{relay="relay"\\} (\\S+)$`, 'm').exec(
        text,
      )?.[1],
    );
  return { sum: read('sum'), count: read('count') };
}
