import type { DestinationType } from '../destination.ts';
import { httpSettings } from '../http/settings.ts';

/** `/batch/` of PostHog: posthog.ts. */
export const posthogType: DestinationType = {
  type: 'posthog',
  secondCopies:
    'PostHog merges copies with the same uuid, event, timestamp and distinct_id, which a redelivery has.',
  settings: {
    project_key: { type: 'secret', text: 'The key of the project: phc_ and more.' },
    host: {
      type: 'url',
      default: 'https://us.i.posthog.com',
      text: 'Where PostHog is. In the EU: https://eu.i.posthog.com; else the address of your own.',
    },
    ...httpSettings,
  },
  async create(name, settings) {
    const { createPosthogDestination } = await import('./posthog.ts');
    return createPosthogDestination(name, settings);
  },
};
