import type { DestinationType } from '../destination.ts';

/** A destination of your own: module.ts. */
export const moduleType: DestinationType = {
  type: 'module',
  secondCopies: 'Your module gets the same eventId again, and must refuse what it has.',
  settings: {
    path: {
      type: 'path',
      text: 'The file, JavaScript or TypeScript, whose default export opens the destination.',
    },
  },
  options: 'What the module is handed, by names of its own: text, numbers and booleans.',
  async create(name, settings) {
    const { createModuleDestination } = await import('./module.ts');
    return createModuleDestination(name, settings);
  },
};
