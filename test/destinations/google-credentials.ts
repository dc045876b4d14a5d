import { afterAll, beforeAll, vi } from 'vitest';

import type { Destination } from '../../src/destinations/destination.ts';
import { deliveryOfEvent, never } from './deliveries.ts';

/**
 * For the tests of a file: there are no credentials of Google on this machine.
 *
 * @returns what is written to the console.
 */
export function withoutCredentials(environment: Readonly<Record<string, string>> = {}): unknown[] {
  const written: unknown[] = [];
  beforeAll(() => {
    vi.stubEnv('HOME', '/nowhere');
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    for (const [name, text] of Object.entries(environment)) vi.stubEnv(name, text);
    for (const method of ['log', 'warn', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation((...values) => void written.push(values));
    }
  });
  afterAll(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });
  return written;
}

/** The outcome of one event. Closes the destination. */
export async function deliverOne(destination: Destination): Promise<unknown> {
  const [outcome] = await destination.deliver([deliveryOfEvent()], never);
  await destination.close();
  return outcome;
}
