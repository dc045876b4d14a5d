import type { ClickHouseClient } from '@clickhouse/client';
import { isTableGone } from './fault.ts';
import { readAnswer } from './read-answer.ts';
import { text } from './typed-statements.ts';

/** What events left in the table of events without a contract, before they had one. */
export interface UnplannedRows {
  /**
   * Removes rows of events that have one in their own table.
   *
   * @param target whatever stands for that table as long as its plan stays.
   */
  remove(target: object, event: string, ids: () => string[], signal: AbortSignal): Promise<void>;
}

/** @param table of events without a contract, quoted. */
export function createUnplannedRows(client: ClickHouseClient, table: string): UnplannedRows {
  /** Whether there were any when the first event came to its own table; since then, none is added. */
  const hasRows = new WeakMap<object, boolean>();
  const ask = async (where: string, abort_signal: AbortSignal): Promise<string[]> => {
    const query = `SELECT toString(event_id) AS id FROM ${table} WHERE ${where}`;
    const answer = await client.query({ query, format: 'JSONEachRow', abort_signal });
    return (await answer.json<{ id: string }>()).map(({ id }) => id);
  };
  // By the order of the table.
  const ofEvents = (event: string, ids: readonly string[]): string =>
    `event_name = ${text(event)} AND event_id IN (${ids.map(text).join(', ')})`;
  return {
    async remove(target, event, ids, abort_signal) {
      try {
        if (!hasRows.has(target)) {
          const any = await ask(`event_name = ${text(event)} LIMIT 1`, abort_signal);
          hasRows.set(target, any.length > 0);
        }
        if (hasRows.get(target) !== true) return;
        const wanted = ids();
        const found = wanted.length === 0 ? [] : await ask(ofEvents(event, wanted), abort_signal);
        if (found.length === 0) return;
        // Lightweight: the rows are hidden at once, and removed by a merge.
        const query = `DELETE FROM ${table} WHERE ${ofEvents(event, found)}`;
        await readAnswer(await client.exec({ query, abort_signal }), abort_signal);
      } catch (error) {
        if (!isTableGone(error)) throw error;
        hasRows.set(target, false);
      }
    },
  };
}
