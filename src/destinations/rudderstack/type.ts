import type { DestinationType } from '../destination.ts';
import { vendorSettings } from '../vendors/settings.ts';

/** `/v1/batch` of a data plane of RudderStack: rudderstack.ts. */
export const rudderstackType: DestinationType = {
  type: 'rudderstack',
  secondCopies:
    'RudderStack drops a second copy within its own window by messageId, and counts a later one again.',
  settings: {
    write_key: { type: 'secret', text: 'The write key of the source in RudderStack.' },
    host: {
      type: 'url',
      text: 'The address of the data plane, such as https://example.dataplane.rudderstack.com.',
    },
    ...vendorSettings,
  },
  async create(name, settings) {
    const { createRudderstackDestination } = await import('./rudderstack.ts');
    return createRudderstackDestination(name, settings);
  },
};
