import { sourceForm, sourcePattern } from '../write-key.ts';
import {
  formatAddress,
  formatListenAddress,
  isLocal,
  isLoopback,
  isSocket,
  parseNetwork,
} from '../address.ts';
import type { SettingValues } from '../settings.ts';
import type { TableValues } from './table-values.ts';

/** The numbers of entries in the lists of the file, including invalid ones: they were meant. */
export interface EntryCounts {
  readonly operators: number;
}

/** A rule between settings. Applies only if each of them could be read. */
interface Rule {
  readonly settings: readonly (keyof SettingValues)[];
  /** The problem and how to fix it. Reported at the first of `settings`. */
  readonly validate: (values: SettingValues, entries: EntryCounts) => string | undefined;
}

const hashKeyLengthMin = 32;

/** Of the tokens of the admin port. Those that the first start makes are longer. */
export const operatorTokenLengthMin = 16;

/** `which` is `admin.token` or `admin.metrics_token`. */
function shortToken(which: 'admin.token' | 'admin.metrics_token'): Rule {
  return {
    settings: [which],
    validate: (values) =>
      (values[which]?.reveal().length ?? operatorTokenLengthMin) < operatorTokenLengthMin
        ? `has fewer than ${operatorTokenLengthMin} characters, and could be guessed: make one with ` +
          '`openssl rand -hex 24`, or remove it, so that the first start makes one'
        : undefined,
  };
}

type PathSetting =
  | 'tls.cert'
  | 'tls.key'
  | 'admin.tls.cert'
  | 'admin.tls.key'
  | 'admin.client.cert'
  | 'admin.client.key';

/** A certificate and its key. */
function bothOrNone(...both: readonly [PathSetting, PathSetting]): Rule[] {
  return [both, both.toReversed() as [PathSetting, PathSetting]].map(([one, other]) => ({
    settings: [one, other],
    validate: (values) =>
      values[one] !== undefined && values[other] === undefined
        ? `has no ${other} beside it: give both, or none`
        : undefined,
  }));
}

/** Of the public port, or of the admin port. */
function tlsRules(port: '' | 'admin.'): Rule[] {
  const [cert, key] = [`${port}tls.cert`, `${port}tls.key`] as const;
  const [auth, ca] = [`${port}tls.client_auth`, `${port}tls.client_ca`] as const;
  return [
    ...bothOrNone(cert, key),
    {
      settings: [auth, ca, cert],
      validate: (values) =>
        values[auth] !== 'off' && (values[ca] === undefined || values[cert] === undefined)
          ? `needs ${ca}, ${cert} and ${key}: give all of them, or set it to off`
          : undefined,
    },
    {
      settings: [ca, auth],
      validate: (values) =>
        values[ca] !== undefined && values[auth] === 'off'
          ? `is not used while ${auth} is off: set that to optional or required, or remove this`
          : undefined,
    },
  ];
}

const rules: readonly Rule[] = [
  {
    settings: ['listen', 'auth'],
    validate: ({ listen, auth }) =>
      auth === 'off' && !isLocal(listen)
        ? `${formatListenAddress(listen)} can be reached from other machines while auth is off, so ` +
          'that anyone could write: set auth to keys (`headgate keys create` makes them), or ' +
          'listen on 127.0.0.1'
        : undefined,
  },
  {
    settings: ['admin.listen', 'admin.token'],
    validate: (values, entries) => {
      const address = values['admin.listen'];
      const hasToken = values['admin.token'] !== undefined || entries.operators > 0;
      return !hasToken && !isLoopback(address.host)
        ? `${formatAddress(address)} can be reached from other machines and there is no token: ` +
            'set HEADGATE_ADMIN_TOKEN (or admin.token), add operators (`headgate operators new`), or ' +
            'listen on 127.0.0.1'
        : undefined;
    },
  },
  {
    settings: ['source'],
    validate: ({ source }) =>
      sourcePattern.test(source) ? undefined : `is not a source: ${sourceForm}`,
  },
  shortToken('admin.token'),
  shortToken('admin.metrics_token'),
  {
    settings: ['admin.metrics_token', 'admin.token'],
    validate: (values) =>
      values['admin.token'] !== undefined &&
      values['admin.token'].reveal() === values['admin.metrics_token']?.reveal()
        ? 'is the same as admin.token, so that a scraper could use every RPC: make another one with ' +
          '`openssl rand -hex 24`'
        : undefined,
  },
  {
    settings: ['admin.listen', 'listen'],
    validate: (values) => {
      const { port } = values['admin.listen'];
      return port !== 0 && !isSocket(values.listen) && port === values.listen.port
        ? `has port ${port}, which is that of listen: give one of the two another port`
        : undefined;
    },
  },
  {
    settings: ['listen', 'tls.cert'],
    validate: ({ listen, 'tls.cert': cert }) =>
      isSocket(listen) && cert !== undefined
        ? 'is a Unix socket, which is in the clear: no other machine reaches it. Remove tls.cert and ' +
          'tls.key, or listen on host:port'
        : undefined,
  },
  ...tlsRules(''),
  ...tlsRules('admin.'),
  ...bothOrNone('admin.client.cert', 'admin.client.key'),
  {
    settings: ['trusted_proxies'],
    validate: ({ trusted_proxies: proxies }) => {
      const wrong = proxies?.findIndex((proxy) => parseNetwork(proxy) === undefined) ?? -1;
      return wrong === -1
        ? undefined
        : `item ${wrong + 1} is neither an IP address nor a network: write it as 10.0.0.7, ` +
            '10.0.0.0/8 or fd00::/8';
    },
  },
  {
    settings: ['tls.client_auth', 'canary.interval'],
    validate: (values) =>
      values['tls.client_auth'] === 'required' && values['canary.interval'] !== undefined
        ? 'is required, and heartbeats (canary.interval) have no client certificate: set it to ' +
          'optional, or remove canary.interval'
        : undefined,
  },
  {
    settings: ['durability', 'nats.url'],
    validate: (values) =>
      values.durability === 'fsync' && values['nats.url'] !== undefined
        ? 'fsync is for the embedded server: the gate syncs its files itself, and those ' +
          'of an external one (nats.url) are out of its reach: use replicated or async, or ' +
          'remove nats.url'
        : undefined,
  },
  {
    settings: ['durability', 'nats.url'],
    validate: (values) =>
      values.durability === 'replicated' && values['nats.url'] === undefined
        ? 'replicated is for a cluster: the embedded server is a single one and has no quorum: ' +
          'use fsync or async, or set nats.url'
        : undefined,
  },
  {
    settings: ['pii.hash_key'],
    validate: (values) =>
      (values['pii.hash_key']?.reveal().length ?? hashKeyLengthMin) < hashKeyLengthMin
        ? `has fewer than ${hashKeyLengthMin} characters, so that hashes could be undone by trying ` +
          'keys: use `openssl rand -hex 32`'
        : undefined,
  },
  {
    settings: ['log.retention_min', 'log.dedup_window'],
    validate: (values) =>
      (values['log.retention_min'] ?? Infinity) < values['log.dedup_window']
        ? 'is below log.dedup_window, so that a retry of a deleted event could be stored again after ' +
          'a restart: raise it, or lower the other'
        : undefined,
  },
  {
    settings: ['log.retention_min', 'log.retention'],
    validate: (values) =>
      (values['log.retention_min'] ?? 0) > values['log.retention']
        ? 'is above log.retention, after which events are deleted: lower it, or raise the other'
        : undefined,
  },
  {
    settings: ['limits.batch_events_max', 'limits.in_flight_events_max'],
    validate: (values) =>
      values['limits.batch_events_max'] > values['limits.in_flight_events_max']
        ? 'is above limits.in_flight_events_max, so that a full batch could never be taken: ' +
          'lower it, or raise the other'
        : undefined,
  },
];

/** Validates every rule between settings. Adds problems to `faults`. */
export function validateRules(
  table: TableValues,
  values: SettingValues,
  entries: EntryCounts,
  faults: string[],
): void {
  for (const { settings, validate } of rules) {
    const [first] = settings;
    if (first === undefined || settings.some((path) => table.faulty.has(path))) continue;
    const fault = validate(values, entries);
    if (fault !== undefined) faults.push(`${table.from(first)}: ${fault}`);
  }
}
