import type { CommandContext } from '../command-context.ts';
import { openArchive, type ArchiveFlags } from './open-archive.ts';
import { compileSelection } from './selection.ts';
import { createSkippedObjects, readSelected } from './read-objects.ts';
import { readingArchive } from './reading.ts';
import { createTally } from './tally.ts';

export interface ListFlags extends ArchiveFlags {
  readonly since?: number;
  readonly until?: number;
  readonly event?: string;
  readonly json?: true;
}

/** Counts by the names of objects; reads only those whose names do not say it. Throws a StartError. */
export async function listArchive(context: CommandContext, flags: ListFlags): Promise<void> {
  const { archive, name } = await openArchive(context, flags);
  const filter = compileSelection(flags);
  const tally = createTally();
  const skipped = createSkippedObjects();
  try {
    await readingArchive(name, async (signal) => {
      for await (const object of archive.objects(signal, (key) => skipped.other(key))) {
        if (!filter.mayHave(object)) continue;
        const { day, eventName, events, bytes } = object;
        if (eventName !== undefined && events !== undefined) {
          tally.add(day, eventName, events, bytes);
          continue;
        }
        const selected = await readSelected(archive, object, { filter, skipped, signal });
        for (const { event } of selected ?? []) tally.add(day, event.eventName, 1);
      }
    });
    tally.print(flags.json === true);
    skipped.report();
  } finally {
    archive.close();
  }
}
