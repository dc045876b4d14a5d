import { writeFileSync } from 'node:fs';

import type { Destination } from 'headgate/destination';

/**
 * A destination that takes every event at once. When it is closed it writes the positions of the events
 * to a file, one a line, as often as they came.
 */
export default function createAcknowledging(_name: string, options: { file: string }): Destination {
  const positions: number[] = [];
  return {
    batchEventsMax: 500,
    concurrency: 1,
    deliver(batch) {
      for (const { sequence } of batch) positions.push(sequence);
      return Promise.resolve(batch.map(() => ({ kind: 'delivered' as const })));
    },
    close() {
      writeFileSync(options.file, positions.join('\n'));
      return Promise.resolve();
    },
  };
}
