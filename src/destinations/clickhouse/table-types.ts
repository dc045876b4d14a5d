import type { ClickHouseClient } from '@clickhouse/client';

/**
 * The type of each column of a table, as ClickHouse reports it.
 *
 * @param table quoted.
 */
export async function readTypes(
  client: ClickHouseClient,
  table: string,
  options: { readonly abort_signal?: AbortSignal; readonly query_id?: string },
): Promise<Map<string, string>> {
  const query = `DESCRIBE TABLE ${table}`;
  const answer = await client.query({ query, format: 'JSONEachRow', ...options });
  const columns = await answer.json<{ name: string; type: string }>();
  return new Map(columns.map(({ name, type }) => [name, type]));
}
