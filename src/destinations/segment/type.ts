import type { DestinationType } from '../destination.ts';
import { httpSettings } from '../http/settings.ts';

/** `/v1/batch` of Segment: segment.ts. */
export const segmentType: DestinationType = {
  type: 'segment',
  secondCopies:
    'Segment drops a second copy within about a day by messageId, and counts a later one again.',
  settings: {
    write_key: { type: 'secret', text: 'The write key of the source in Segment.' },
    host: {
      type: 'url',
      default: 'https://api.segment.io',
      text: 'Where Segment is. In the EU: https://events.eu1.segmentapis.com.',
    },
    ...httpSettings,
  },
  async create(name, settings) {
    const { createSegmentDestination } = await import('./segment.ts');
    return createSegmentDestination(name, settings);
  },
};
