import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { deliveryOfEvent, never } from '../../test/destinations/deliveries.ts';
import { median } from '../script/median.ts';
import { numberAfter, valueAfter } from '../script/options.ts';
import { startAsked, type AskedEngine } from './engines.ts';
import { questionsOf } from './questions.ts';

/*
 * npm run bench:questions [-- --rows 10000000] [--rounds 3] [--only sqlite,postgres]
 *
 * Common questions of analysts, asked of a table with typed columns and of the table of all events with JSON,
 * in turn, in one run: only their ratio means something. A worker makes both tables, with their indexes; then
 * the engine itself fills them with the same events. Fails if the answers differ.
 */
const rows = numberAfter('--rows', 10_000_000);
const rounds = numberAfter('--rounds', 3);
const names = (valueAfter('--only') ?? 'sqlite,postgres,clickhouse,parquet').split(',');

const schema = {
  type: 'object',
  properties: {
    order_id: { type: 'string' },
    total: { type: 'number' },
    currency: { type: 'string' },
  },
};
const contracts: readonly EventContract[] = [
  { name: 'order_completed', schemas: [schema, schema] },
];

for (const name of names) {
  const engine = await startAsked(name);
  if (engine === undefined) continue;
  try {
    await makeTables(engine);
    const start = performance.now();
    await engine.fill(rows);
    const filled = ((performance.now() - start) / 1000).toFixed(0);
    console.error(`${name}: ${rows.toLocaleString('en-US')} events in both tables, in ${filled} s`);
    await measure(name, engine);
  } finally {
    await engine.stop();
  }
}

async function makeTables(engine: AskedEngine): Promise<void> {
  const destination = await engine.open(() => contracts);
  const properties = { order_id: 'o-1', total: 1.25, currency: 'EUR' };
  const [outcome] = await destination.deliver([deliveryOfEvent({ properties })], never);
  await destination.close();
  if (outcome?.kind !== 'delivered') throw new Error(JSON.stringify(outcome));
}

async function measure(name: string, engine: AskedEngine): Promise<void> {
  for (const { what, typed, json } of questionsOf(engine.wording)) {
    const times = { typed: [] as number[], json: [] as number[] };
    const answers = { typed: '', json: '' };
    // The first round reads the tables into memory.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [of, sql] of [
        ['typed', typed],
        ['json', json],
      ] as const) {
        const start = performance.now();
        const answer = await engine.ask(sql);
        const ms = performance.now() - start;
        if (round > 0) times[of].push(ms);
        if (answer.length === 0) throw new Error(`${name}, ${what}: no answer from ${sql}`);
        answers[of] = `${answer.length} rows: ${withoutSpelling(answer)}`;
      }
    }
    if (answers.typed !== answers.json) {
      throw new Error(`${name}, ${what}: ${answers.typed} of the table, ${answers.json} of JSON`);
    }
    const [fast, slow] = [median(times.typed), median(times.json)];
    console.log(
      `${name}, ${what}: ${fast.toFixed(1)} ms typed, ${slow.toFixed(1)} ms JSON, ` +
        `${(slow / fast).toFixed(1)} times`,
    );
  }
}

/** Numbers are written with more or fewer zeros. */
function withoutSpelling(answer: readonly object[]): string {
  const text = JSON.stringify(answer.slice(0, 400));
  return text
    .replaceAll(/(\d\.\d*?)0+(?=["},])/g, '$1')
    .replaceAll(/\.(?=["},])/g, '')
    .replaceAll(/"(\d+(?:\.\d+)?)"/g, '$1');
}
