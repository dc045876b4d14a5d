import type { DestinationType } from '../destination.ts';
import { httpSettings } from '../http/settings.ts';

/** `/v1/batch` of Segment: segment.ts. */
export const segmentType: DestinationType = {
  type: 'segment',
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
    const { createSegmentDestination } = await import('../segment/segment.ts');
    return createSegmentDestination(name, settings);
  },
};

/** `/batch/` of PostHog: posthog.ts. */
export const posthogType: DestinationType = {
  type: 'posthog',
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
    const { createPosthogDestination } = await import('../posthog/posthog.ts');
    return createPosthogDestination(name, settings);
  },
};

/** `/import` of Mixpanel: mixpanel.ts. */
export const mixpanelType: DestinationType = {
  type: 'mixpanel',
  settings: {
    secret: {
      type: 'secret',
      text: 'The secret of the service account; without service_account, the token of the project.',
    },
    service_account: {
      type: 'string',
      default: null,
      text: 'The user name of the service account. Needs project_id.',
    },
    project_id: { type: 'string', default: null, text: 'The id of the project, in quotes.' },
    host: {
      type: 'url',
      default: 'https://api.mixpanel.com',
      text: 'Where Mixpanel is. In the EU: https://api-eu.mixpanel.com.',
    },
    ...httpSettings,
  },
  async create(name, settings) {
    const { createMixpanelDestination } = await import('../mixpanel/mixpanel.ts');
    return createMixpanelDestination(name, settings);
  },
};
