import type { DestinationType } from '../destination.ts';
import { httpSettings } from '../http/settings.ts';

/** `/import` of Mixpanel: mixpanel.ts. */
export const mixpanelType: DestinationType = {
  type: 'mixpanel',
  secondCopies:
    'Mixpanel merges copies with the same $insert_id, event, time and distinct_id, which a redelivery has.',
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
    const { createMixpanelDestination } = await import('./mixpanel.ts');
    return createMixpanelDestination(name, settings);
  },
};
