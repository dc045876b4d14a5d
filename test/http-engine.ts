import type { Config } from '../src/config/config.ts';

/**
 * The engine that the suites run on: `HEADGATE_HTTP_ENGINE`, as for the program itself. Whoever starts
 * a gate or a listener in a test takes it from here (`npm run test:engine-node`).
 */
export const httpEngine: Config['http']['engine'] = readEngine(
  process.env['HEADGATE_HTTP_ENGINE'] ?? '',
);

function readEngine(text: string): Config['http']['engine'] {
  if (text === '' || text === 'own') return 'own';
  if (text === 'node') return 'node';
  throw new Error(`HEADGATE_HTTP_ENGINE is "${text}": own or node.`);
}
