import { setTimeout as sleep } from 'node:timers/promises';

import type { RealServiceOverrides } from '../real-service.ts';

/** What is in an archive of stores/: its contents.json. */
export interface StoreContents {
  /** Of the source `shop`; kept in the log. */
  readonly writeKey: string;
  /** The order_id of every event, in the order of the log. */
  readonly accepted: readonly string[];
  /** The one that is a dead letter. */
  readonly dead: string;
  /** Those that the webhook has not taken. */
  readonly waiting: readonly string[];
  /** How many events of a batch were refused. */
  readonly rejected: number;
}

/** Contracts and keys in the log, and one webhook. */
export function settingsOf(dataDir: string, webhookPort: number): RealServiceOverrides {
  return {
    env: {
      HEADGATE_DATA_DIR: dataDir,
      HEADGATE_DURABILITY: 'fsync',
      HEADGATE_AUTH: 'keys',
      HEADGATE_SCHEMAS_SOURCE: 'registry',
      // The archives grow old, and what is in them must stay.
      HEADGATE_LOG_RETENTION: '3650d',
      HEADGATE_AUDIT_RETENTION: '3650d',
    },
    yaml: `destinations:
  crm:
    type: webhook
    url: http://127.0.0.1:${webhookPort}/
    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    allow_private_addresses: true
    from: earliest
    retry: { attempts: 1 }
`,
  };
}

/** Waits until `holds` is true, for at most 20 s. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not come to be within 20 s');
    await sleep(50);
  }
}
