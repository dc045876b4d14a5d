import { formatAddress, formatListenAddress } from './address.ts';
import type { Config, DestinationConfig } from './config.ts';
import type { DestinationTypeSettings } from './destination-type.ts';
import { natsServerSettings } from './gather/intake-settings.ts';
import type { NatsIntake } from './intake/nats-intake.ts';
import { mask } from './secret.ts';

/**
 * Returns the configuration in a form that a log line may show.
 *
 * What is masked follows from the kind of each setting: secrets are hidden, and of a URL only
 * scheme and host are shown, because users, paths and queries carry passwords and tokens. A
 * text of a destination whose type is not among `destinationTypes` is hidden: it may be either.
 */
export function describeConfig(
  config: Config,
  destinationTypes: readonly DestinationTypeSettings[] = [],
): Record<string, unknown> {
  const { admin, nats } = config;
  return {
    ...config,
    listen: formatListenAddress(config.listen),
    admin: {
      listen: formatAddress(admin.listen),
      token: admin.token && mask,
      metricsToken: admin.metricsToken && mask,
      tls: admin.tls,
      client: admin.client,
    },
    nats: { ...nats, url: nats.url?.split(',').map(maskUrl).join(',') },
    pii: { hashKey: config.pii.hashKey && mask },
    roles: [...config.roles],
    keys: config.keys.map(({ hash: _hidden, ...key }) => key),
    operators: config.operators.map(({ name, role }) => ({ name, role })),
    intake: {
      nats: config.intake.nats.map(({ server, ...source }) => ({
        ...source,
        server: server && maskServer(server),
      })),
    },
    webhooks: config.webhooks.map(({ secrets: _hidden, ...webhook }) => webhook),
    destinations: config.destinations.map((destination) => {
      const type = destinationTypes.find((candidate) => candidate.type === destination.type);
      return { ...destination, settings: maskSettings(destination.settings, type) };
    }),
  };
}

function maskSettings(
  values: DestinationConfig['settings'],
  type: DestinationTypeSettings | undefined,
): Record<string, unknown> {
  const masked = Object.entries(values).map(([name, value]): [string, unknown] => {
    if (typeof value !== 'string') return [name, value];
    const kind = type?.settings[name]?.type ?? 'secret';
    if (kind === 'secret') return [name, mask];
    return [name, kind === 'url' ? maskUrl(value) : value];
  });
  return Object.fromEntries(masked);
}

function maskServer({ url = '', ...settings }: NonNullable<NatsIntake['server']>) {
  const masked = Object.entries(settings).map(([name, value]) => {
    const { kind } = natsServerSettings[name as keyof typeof natsServerSettings];
    return [name, kind === 'secret' ? mask : value];
  });
  return { url: url.split(',').map(maskUrl).join(','), ...Object.fromEntries(masked) };
}

function maskUrl(text: string): string {
  const url = URL.parse(text);
  if (!url) return mask;
  const user = url.username || url.password ? `${mask}@` : '';
  const hasRest = url.pathname.length > 1 || url.search !== '' || url.hash !== '';
  return `${url.protocol}//${user}${url.host}${hasRest ? `/${mask}` : ''}`;
}
