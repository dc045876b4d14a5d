import type { CommandContext } from '../command-context.ts';
import { openArchive, type ArchiveFlags } from './open-archive.ts';
import { compileSelection } from './selection.ts';
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
  try {
    await readingArchive(name, async (signal) => {
      for await (const object of archive.objects(signal)) {
        if (!filter.mayHave(object)) continue;
        const { day, eventName, events, bytes } = object;
        if (eventName !== undefined && events !== undefined) {
          tally.add(day, eventName, events, bytes);
          continue;
        }
        for (const payload of await archive.read(object, signal)) {
          const selected = filter.select(payload);
          if (selected !== undefined) tally.add(day, selected.event.eventName, 1);
        }
      }
    });
    tally.print(flags.json === true);
  } finally {
    archive.close();
  }
}
