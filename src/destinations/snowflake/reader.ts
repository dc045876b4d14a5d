import type { EventAtDestination, TimeWindow } from '../destination.ts';
import { literal, quoted } from './columns.ts';
import type { SnowflakeSession, SnowflakeSessions } from './session.ts';
import type { SnowflakeSettings } from './settings.ts';

/** Reads the rows of a time window, from the table of all events if there is one. */
export async function* readStoredEvents(
  sessions: SnowflakeSessions,
  settings: SnowflakeSettings,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  const rows = sessions.read(async (session) => {
    const tables = await findTables(session, settings);
    const select = (table: string): string => `
      SELECT "EVENT_ID", "EVENT_NAME", DATE_PART(EPOCH_MILLISECOND, "TIMESTAMP")::VARCHAR
      FROM ${quoted(table)}
      WHERE "TIMESTAMP" >= ${timeOf(fromMs)} AND "TIMESTAMP" < ${timeOf(toMs)}`;
    return tables.length === 0 ? undefined : tables.map(select).join(' UNION ALL ');
  });
  for await (const [eventId, eventName, timeMs] of rows) {
    yield {
      eventId: String(eventId),
      eventName: String(eventName),
      timestamp: new Date(Number(timeMs)).toISOString(),
    };
  }
}

function timeOf(timeMs: number): string {
  const text = new Date(timeMs).toISOString().replace('Z', '+00:00');
  return `${literal(text)}::TIMESTAMP_TZ(9)`;
}

async function findTables(
  session: SnowflakeSession,
  { mode, table, prefix }: SnowflakeSettings,
): Promise<string[]> {
  const found = await session.run(
    `SELECT "TABLE_NAME" FROM INFORMATION_SCHEMA.TABLES
     WHERE "TABLE_SCHEMA" = CURRENT_SCHEMA() AND "COMMENT" LIKE 'Events%, written by Headgate.'`,
  );
  const names = found.map(([name]) => String(name).toLowerCase());
  return mode === 'per_event'
    ? names.filter((name) => name !== table && name.startsWith(prefix))
    : names.filter((name) => name === table);
}
