import type { Address, AdminClientConfig } from './config.ts';
import type { ConfigSources } from './gather/gather.ts';
import { readSomeSettings } from './read-some-settings.ts';
import type { Secret } from './secret.ts';

/** What a command needs to call the admin port. */
export interface AdminAccess {
  readonly listen: Address;
  readonly token: Secret | undefined;
  readonly dataDir: string;
  /** The certificate that the port serves; undefined: no TLS. */
  readonly servedCert: string | undefined;
  readonly client: AdminClientConfig;
}

/** As `readSomeSettings`. */
export function readAdminAccess(sources: Omit<ConfigSources, 'destinationTypes'>): AdminAccess {
  const values = readSomeSettings(sources, [
    'data_dir',
    'admin.listen',
    'admin.token',
    'admin.tls.cert',
    'admin.client.ca',
    'admin.client.cert',
    'admin.client.key',
  ]);
  return {
    listen: values['admin.listen'],
    token: values['admin.token'],
    dataDir: values.data_dir,
    servedCert: values['admin.tls.cert'],
    client: {
      ca: values['admin.client.ca'],
      cert: values['admin.client.cert'],
      key: values['admin.client.key'],
    },
  };
}
