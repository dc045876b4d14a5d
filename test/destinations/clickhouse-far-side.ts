import { eventTimeColumn, rowColumns } from '../../src/destinations/clickhouse/rows/event-row.ts';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { insertedRows } from './clickhouse-rows.ts';
import { startHttpFarSide, type HttpFarSide, type StandInAnswer } from './http-far-side.ts';
import type { ReceivedRequest } from './http-server.ts';

export function clickhouseSettings(
  port: number,
  more: DestinationSettings = {},
): DestinationSettings {
  return {
    url: `http://127.0.0.1:${port}`,
    user: 'default',
    password: 'of-clickhouse',
    database: 'default',
    table: 'events',
    tls_ca: null,
    timeout: 1000,
    concurrency: 2,
    ...more,
  };
}

interface StoredRow {
  readonly event_id: string;
  readonly event_name: string;
  readonly timestamp: string;
  readonly user_id?: string;
}

/** As ClickHouse words it. */
export function clickhouseError(code: number, type: string, text: string): StandInAnswer {
  return {
    status: 500,
    text: `Code: ${code}. DB::Exception: ${text}. (${type}) (version 26.7.2.1)`,
  };
}

const bodyBytesMax = 64 * 1024;

const described = [...rowColumns, eventTimeColumn]
  .map(([name, type]) => `${JSON.stringify({ name, type })}\n`)
  .join('');

/**
 * A stand-in: the few statements that the destination sends, and a table that keeps one row of each
 * event, as FINAL shows it. The real engine is in test/clickhouse.
 */
export function startClickhouseFarSide(): Promise<HttpFarSide> {
  const rows = new Map<string, StoredRow>();
  let hasTable = false;
  const insert = (query: string, body: Buffer): StandInAnswer => {
    if (!hasTable)
      return clickhouseError(60, 'UNKNOWN_TABLE', 'Table default.events does not exist');
    const inserted = insertedRows(query, body) as unknown as StoredRow[];
    // All or nothing, as an insert of one block is.
    if (inserted.some((row) => row.user_id === 'refused')) {
      return clickhouseError(469, 'VIOLATED_CONSTRAINT', 'Constraint `known` is violated at row 2');
    }
    for (const row of inserted) rows.set(row.event_id, row);
    return { status: 200, headers: { 'x-clickhouse-query-id': 'of-the-server' } };
  };
  const select = (query: string): StandInAnswer => {
    const [from = '', to = ''] = [...query.matchAll(/'(\d{4}-[^']+)'/g)].map((found) => found[1]!);
    const text = [...rows.values()]
      .map((row) => ({ ...row, ms: Date.parse(row.timestamp) }))
      .filter(({ ms }) => ms >= Date.parse(`${from}Z`) && ms < Date.parse(`${to}Z`))
      .map(({ event_id, event_name, ms }) =>
        JSON.stringify({ eventId: event_id, eventName: event_name, ms: String(ms) }),
      )
      .map((line) => `${line}\n`);
    return { status: 200, text: text.join('') };
  };
  const take = ({ url, body }: ReceivedRequest): StandInAnswer => {
    const given = new URL(url, 'http://host').searchParams.get('query');
    if (body.length > bodyBytesMax) return { status: 413, text: 'too large' };
    const query = (given ?? body.toString()).trim();
    if (query.startsWith('INSERT')) return insert(query, body);
    if (query.startsWith('EXISTS'))
      return { status: 200, text: `{"result":${Number(hasTable)}}\n` };
    if (query.startsWith('DESCRIBE')) return { status: 200, text: described };
    if (query.startsWith('SELECT')) return select(query);
    if (!query.startsWith('CREATE')) return clickhouseError(62, 'SYNTAX_ERROR', 'Syntax error');
    hasTable = true;
    return { status: 200 };
  };
  return startHttpFarSide({
    settings: (port) => clickhouseSettings(port),
    take,
    counted: () => [...rows.keys()],
    oversize: {
      propertyBytes: bodyBytesMax,
      outcome: { kind: 'retry', fault: 'event', status: '413' },
    },
    refused: {
      overrides: { userId: 'refused' },
      outcome: { kind: 'retry', fault: 'event', status: '469' },
    },
  });
}
