import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { hashWriteKey } from '../src/config/write-key.ts';
import { generatorCore, pinning, runScript, startGate } from './processes.ts';
import { numberAfter } from './script/options.ts';
import { median } from './script/median.ts';

/*
 * npm run bench:scrape [-- --rounds 3] [--seconds 5] [--rate 4000]
 *
 * What a scrape of /metrics a second costs producers: the latency of POST /v1/track at a fixed rate, at a gate
 * with 50 sources and 200 events, without scrapes and with them, in turn. Fails if the median of the
 * p99s with scrapes is 20 ms or more above the median without them.
 */
const rounds = numberAfter('--rounds', 3);
const seconds = numberAfter('--seconds', 5);
const rate = numberAfter('--rate', 4000);
const addedMsMax = 20;
const sourcesCount = 50;
const eventsCount = 200;

const scrapeIntervalMs = 1000;

interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-scrape-'));
const writeKey = 'hg_bench_0';
const gate = await startGate({ HEADGATE_ROLES: 'gate', ...writeSetUp(folder) });
try {
  const p99s = { without: [] as number[], with: [] as number[] };
  for (let round = 1; round <= rounds; round += 1) {
    console.error(`round ${round} of ${rounds} (${pinning})`);
    for (const scraped of round % 2 === 0 ? [true, false] : [false, true]) {
      const { figures, pages, bytes } = await measure(scraped);
      p99s[scraped ? 'with' : 'without'].push(figures.p99Ms);
      const { p50Ms, p99Ms } = figures;
      console.error(
        `  ${scraped ? `${pages} scrapes of ${(bytes / 1e6).toFixed(1)} MB` : 'no scrape'}: ` +
          `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
      );
    }
  }
  const added = median(p99s.with) - median(p99s.without);
  console.log(
    `p99 of ${rate} requests/s: ${median(p99s.without).toFixed(2)} ms without scrapes, ` +
      `${median(p99s.with).toFixed(2)} ms with one a second: ${added.toFixed(2)} ms added ` +
      `(limit ${addedMsMax})`,
  );
  process.exitCode = added < addedMsMax ? 0 : 1;
} finally {
  await gate.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(scraped: boolean) {
  let pages = 0;
  let bytes = 0;
  let scraping: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    if (!scraped) return;
    scraping = scrape(gate.adminPort).then((length) => {
      pages += 1;
      bytes = length;
    });
  }, scrapeIntervalMs);
  const figures = await runScript<Latencies>(
    'generator.ts',
    {
      kind: 'rest',
      path: '/v1/track',
      port: gate.port,
      concurrency: 256,
      batch: 1,
      rate,
      warmSeconds: 1,
      seconds,
      writeKey,
    },
    generatorCore,
  );
  clearInterval(timer);
  await scraping;
  if (figures.failed > 0) throw new Error(`${figures.failed} requests failed`);
  if (scraped && pages === 0) throw new Error('nothing was scraped');
  return { figures, pages, bytes };
}

/** Returns the bytes of the page. */
async function scrape(port: number): Promise<number> {
  const request = http.get({ host: '127.0.0.1', port, path: '/metrics' });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  if (response.statusCode !== 200) throw new Error(`/metrics answered ${response.statusCode}`);
  return bytes;
}

/** Writes a contract for each event and a key for each source. Returns the settings that name them. */
function writeSetUp(into: string): Record<string, string> {
  const schemasDir = path.join(into, 'schemas');
  const names = ['order_completed'];
  for (let index = 1; index < eventsCount; index += 1) names.push(`thing${index}_completed`);
  for (const name of names) {
    mkdirSync(path.join(schemasDir, name), { recursive: true });
    writeFileSync(path.join(schemasDir, name, '1.json'), '{"type":"object"}');
  }
  const events = names.map(
    (name) => `  ${name}: { owner: bench, description: An event., active: 1 }`,
  );
  const taxonomy = ['verbs: [completed]', 'unplanned: reject', 'events:', ...events, ''];
  writeFileSync(path.join(schemasDir, 'taxonomy.yaml'), taxonomy.join('\n'));
  const keys = Array.from({ length: sourcesCount }, (_, index) => {
    return `  - { source: source_${index}, hash: "${hashWriteKey(`hg_bench_${index}`)}" }`;
  });
  const config = path.join(into, 'headgate.yaml');
  writeFileSync(config, ['auth: keys', 'keys:', ...keys, ''].join('\n'));
  return { HEADGATE_SCHEMAS_DIR: schemasDir, HEADGATE_CONFIG: config };
}
