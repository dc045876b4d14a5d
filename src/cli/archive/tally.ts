import { print } from '../terminal/print.ts';
import { printTable } from '../terminal/table.ts';

/** Counts of events by day and event name. */
export interface ArchiveTally {
  add(day: string, eventName: string, events: number, bytes?: number): void;
  /** Prints rows in the order of days and names, in a table without bytes if they are not known. */
  print(asJson: boolean): void;
}

export function createTally(): ArchiveTally {
  const counts = new Map<string, { day: string; event: string; events: number; bytes: number }>();
  let total = 0;
  return {
    add(day, event, events, bytes = 0) {
      const key = `${day}/${event}`;
      const found = counts.get(key) ?? { day, event, events: 0, bytes: 0 };
      found.events += events;
      found.bytes += bytes;
      total += events;
      counts.set(key, found);
    },
    print(asJson) {
      const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
      if (asJson) return print(JSON.stringify({ total, days: rows }));
      if (rows.length === 0) return void process.stderr.write('No events.\n');
      const hasBytes = rows.some(({ bytes }) => bytes > 0);
      printTable(
        ['day', 'event', 'events', ...(hasBytes ? ['bytes'] : [])],
        rows.map(({ day, event, events, bytes }) => [
          day,
          event,
          `${events}`,
          ...(hasBytes ? [`${bytes}`] : []),
        ]),
      );
      return void process.stderr.write(`${total.toLocaleString('en')} events\n`);
    },
  };
}
