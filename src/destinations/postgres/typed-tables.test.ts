import type { PoolClient } from 'pg';
import { expect, test } from 'vitest';

import type { EventContract } from '../../event/contracts/event-contract.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { planTable } from '../tables/plan-table.ts';
import { readDeliveries } from './rows/read-delivery.ts';
import { createPostgresTables } from './typed-tables.ts';
import { postgresDialect } from './typed-statements.ts';

const contract: EventContract = {
  name: 'x',
  schemas: [{ type: 'object', properties: { a: { type: 'string' } } }],
};
const plan = planTable(contract, { dialect: postgresDialect });

/** Answers what is asked of the catalog: the table of `x` is there once another worker has made it. */
class Catalog {
  isMade = false;
  /** Runs once, while it is asked which tables exist. */
  meanwhile = (): void => {};

  async query(asked: string | { text: string }, values: readonly string[] = []) {
    const text = typeof asked === 'string' ? asked : asked.text;
    const [first = ''] = values;
    const ofEvent = first.includes('"x"') || first === 'x';
    if (text.includes('format_type')) return { rows: this.#columns(first) };
    if (text.includes('unnest')) {
      const rows = this.isMade ? [{ name: 'x' }] : [];
      const { meanwhile } = this;
      this.meanwhile = () => {};
      meanwhile();
      return { rows };
    }
    if (text.includes('table_name = $1')) {
      if (ofEvent) return { rows: this.isMade ? [{ event_name: 'x', definition: null }] : [] };
      return { rows: [{ event_name: null, definition: null }] };
    }
    if (text.includes('CASE relkind')) {
      return { rows: ofEvent && !this.isMade ? [] : [{ kind: 'table' }] };
    }
    return { rows: text.includes('count(*) > 0') ? [{ there: true }] : [] };
  }

  #columns(relation: string) {
    if (relation.includes('headgate_tables')) {
      const names = ['table_name', 'event_name', 'kind', 'definition'];
      return names.map((name) => ({ name, type: 'text' }));
    }
    const common = eventColumns.map(({ name, type }) => ({
      name,
      type: postgresDialect.typeOf(type),
    }));
    if (!relation.includes('"x"')) return common;
    const own = plan.columns.map(({ name, declared }) => ({ name, type: declared }));
    return this.isMade ? [...common, ...own] : [];
  }
}

test('a batch that began before a contract came goes to the table that another worker made', async () => {
  const catalog = new Catalog();
  const client = catalog as unknown as PoolClient;
  const tables = createPostgresTables('', '');
  tables.use([]);
  const time = '2020-03-01T12:00:00.123Z';
  const head = { eventId: '0190163d-8694-739b-aea5-966c26f8ad91', eventName: 'x', source: 'w' };
  const times = { timestamp: time, eventTime: time };
  const event = { ...head, ...times, idempotencyKey: 'k', properties: { a: 'b' } };
  const payload = Buffer.from(JSON.stringify(event));
  const tablesOf = async (): Promise<string[]> => {
    const batch = readDeliveries([{ payload, sequence: 1 } as never], true);
    const { copies } = await tables.prepare(client, batch, true);
    return copies.map(({ statements }) => /COPY (\S+)/.exec(statements.fill.join(' '))![1]!);
  };
  expect(await tablesOf()).toEqual(['"unplanned_events"']);
  catalog.isMade = true;
  // Another batch brings the contracts while this one waits for the catalog.
  catalog.meanwhile = () => tables.use([contract]);
  expect(await tablesOf()).toEqual(['"x"']);
});
