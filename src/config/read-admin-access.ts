import type { Address } from './config.ts';
import type { ConfigSources } from './gather/gather.ts';
import { readSomeSettings } from './read-some-settings.ts';
import type { Secret } from './secret.ts';

/** What a command needs to call the admin port. */
export interface AdminAccess {
  readonly listen: Address;
  readonly token: Secret | undefined;
  readonly dataDir: string;
}

/** As `readSomeSettings`. */
export function readAdminAccess(sources: Omit<ConfigSources, 'destinationTypes'>): AdminAccess {
  const values = readSomeSettings(sources, ['data_dir', 'admin.listen', 'admin.token']);
  return {
    listen: values['admin.listen'],
    token: values['admin.token'],
    dataDir: values.data_dir,
  };
}
