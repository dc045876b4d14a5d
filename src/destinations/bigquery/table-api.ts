import type { DeclaredColumn, DescribedTable, TableApi } from '../described-tables.ts';
import { BigqueryError } from './fault.ts';
import type { BigquerySettings } from './settings.ts';

interface BigqueryTable extends DescribedTable {
  /** Changes with every change of the table. */
  readonly etag: string;
  readonly fields: readonly TableField[];
}

interface TableField {
  readonly name: string;
  readonly type: string;
}

/** What was made with SQL has the names of SQL. */
const legacyTypes = new Map([
  ['INT64', 'INTEGER'],
  ['FLOAT64', 'FLOAT'],
  ['BOOL', 'BOOLEAN'],
]);

/**
 * Makes and changes tables by the REST API, version 2. Everything rejects with a BigqueryError.
 *
 * @param headers with credentials.
 */
export function createTableApi(
  { api, project, dataset, timeoutMs }: BigquerySettings,
  headers: (url: string) => Promise<Headers>,
): TableApi<AbortSignal, BigqueryTable> {
  const scheme = api.isSecure ? 'https' : 'http';
  const tables = `${scheme}://${api.host}/bigquery/v2/projects/${project}/datasets/${dataset}/tables`;
  const ask = async (
    url: string,
    signal: AbortSignal,
    request: { method?: string; body?: object; etag?: string } = {},
  ): Promise<{ status: number; answer: Record<string, unknown> }> => {
    const { method = 'GET', body, etag } = request;
    const sent = await headers(url);
    sent.set('content-type', 'application/json');
    if (etag !== undefined) sent.set('if-match', etag);
    const answered = await fetch(url, {
      method,
      headers: sent,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    }).catch((error: Error) => {
      const cause = (error.cause as Error | undefined)?.message;
      throw new BigqueryError(`${api.host}: ${cause ?? error.message}`);
    });
    const text = await answered.text();
    return { status: answered.status, answer: objectIn(text) };
  };
  const refused = (status: number, answer: Record<string, unknown>): BigqueryError => {
    const { message } = (answer['error'] ?? {}) as { message?: unknown };
    return new BigqueryError(`${status} ${String(message ?? 'without a reason')}`, status);
  };
  return {
    async read(table, signal) {
      const { status, answer } = await ask(`${tables}/${table}`, signal);
      if (status === 404) return undefined;
      if (status !== 200) throw refused(status, answer);
      const { fields = [] } = (answer['schema'] ?? {}) as { fields?: TableField[] };
      const { etag, description } = answer;
      const columns = new Map(
        fields.map(({ name, type }) => [name, legacyTypes.get(type) ?? type] as const),
      );
      return { etag: String(etag), description: String(description ?? ''), fields, columns };
    },
    async create(table, { description, columns, clustering }, signal) {
      const body = {
        tableReference: { projectId: project, datasetId: dataset, tableId: table },
        description,
        schema: { fields: columns.map(fieldOf) },
        // The time at which the gate received an event: never far from now, so that BigQuery takes each.
        timePartitioning: { type: 'DAY', field: 'timestamp' },
        ...(clustering.length === 0 ? {} : { clustering: { fields: clustering } }),
      };
      const { status, answer } = await ask(tables, signal, { method: 'POST', body });
      if (status === 409) return false;
      if (status !== 200) throw refused(status, answer);
      return true;
    },
    async add(table, { etag, fields }, columns, signal) {
      const body = { schema: { fields: [...fields, ...columns.map(fieldOf)] } };
      const request = { method: 'PATCH', body, etag };
      const { status, answer } = await ask(`${tables}/${table}`, signal, request);
      if (status === 412) return false;
      if (status !== 200) throw refused(status, answer);
      return true;
    },
  };
}

function fieldOf({ name, declared }: DeclaredColumn) {
  return { name, type: declared, mode: 'NULLABLE' };
}

/** An answer of a proxy may be HTML. */
function objectIn(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
