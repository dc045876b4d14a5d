import os from 'node:os';

import { parseDocument } from 'yaml';

import type { Config, DestinationConfig } from '../../config/config.ts';
import { configFileOf, readConfig } from '../../config/read-config.ts';
import { environmentName, relayDataDir, settings } from '../../config/settings.ts';
import { readFarGateSettings } from '../../destinations/headgate/settings.ts';
import { destinationTypes } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';

/** The options of `headgate relay`, with the content of the key's file. */
export interface RelayOptions {
  /** The URL of the far gate. Undefined: the file names it, under `destinations`. */
  readonly to?: string | undefined;
  /** The write key. */
  readonly key?: string | undefined;
  /** A file of CAs for `to`; else that of HEADGATE_RELAY_CA, else those of the system. */
  readonly ca?: string | undefined;
  /** Over `source` of the file and HEADGATE_SOURCE. */
  readonly source?: string | undefined;
  /** Over `listen` of the file and HEADGATE_LISTEN. */
  readonly listen?: string | undefined;
  readonly config?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The write key of the far gate, for `headgate relay` alone. */
export const keyVariable = 'HEADGATE_RELAY_KEY';
/** The far gate, for `headgate relay` alone. */
export const toVariable = 'HEADGATE_RELAY_TO';
/** The CAs of the far gate, for `headgate relay` alone. */
export const caVariable = 'HEADGATE_RELAY_CA';
/** Under this name the configuration refers to the key: names of HEADGATE_* are settings. */
const innerKeyVariable = 'RELAY_WRITE_KEY';

/**
 * What a relay has in place of the defaults of a gate: little disk, and a log that keeps what was
 * forwarded for no longer than a producer's retry needs to be recognized. That is short: what arrives within
 * this time must fit into the log, and the far gate recognizes later retries.
 */
const presets: Readonly<Record<string, string>> = {
  data_dir: relayDataDir,
  'log.storage_bytes_max': '1GiB',
  'log.retention': '1h',
  'log.retention_min': '2m',
  'log.dedup_window': '2m',
  'limits.in_flight_events_max': '5000',
};

const destinationName = 'gate';
const contractsIntervalMs = 10_000;

/**
 * Reads the configuration of a relay: that of a gate, with other defaults and with one destination, of
 * type `headgate`. Throws a StartError.
 *
 * @param readFile as `readFileSync(path, 'utf8')`.
 */
export function readRelayConfig(
  env: Environment,
  options: RelayOptions,
  readFile: (file: string) => string,
): Config {
  const { [keyVariable]: envKey, [toVariable]: envTo, [caVariable]: envCa, ...others } = env;
  const to = options.to ?? (envTo || undefined);
  const ca = options.ca ?? (envCa || undefined);
  const key = (options.key ?? envKey ?? '').trim();
  const text = textOf(env, options, readFile);
  const document = parseDocument(text ?? '');
  const hasDestinations = document.has('destinations');
  if (hasDestinations && to !== undefined) {
    throw new StartError(
      'The file has destinations, and --to names another: leave out one of the two.',
    );
  }
  if (hasDestinations && ca !== undefined) {
    throw new StartError('The file has destinations: name the CAs there, as tls_ca, without --ca.');
  }
  if (!hasDestinations) {
    if (to === undefined) throw new StartError(`Say where events go: --to URL, or ${toVariable}.`);
    if (key === '') {
      throw new StartError(
        `There is no write key for ${hostOf(to)}. Put it into a file that only this user may read, ` +
          `and name that with --key FILE, or set ${keyVariable}. The far gate makes one with ` +
          '"headgate keys create --source NAME --relay-sources GLOBS --out FILE".',
      );
    }
    document.set('destinations', {
      [destinationName]: {
        type: 'headgate',
        url: to,
        key: `\${${innerKeyVariable}}`,
        ...(ca !== undefined && { tls_ca: ca }),
        instance: instanceOf(os.hostname()),
        // What this disk cannot hold, producers keep: nothing is moved aside.
        when_full: 'hold',
      },
    });
  }
  const given = (path: string): unknown =>
    env[environmentName(path)] || document.getIn(path.split('.'));
  // It may not be shorter than the dedup window.
  const retentionMin = given('log.dedup_window') ?? presets['log.retention_min'];
  const set = Object.entries({ ...presets, 'log.retention_min': String(retentionMin) }).filter(
    ([path]) => given(path) === undefined,
  );
  const file = configFileOf({ env, configFile: options.config });
  const read = (): Config =>
    readConfig({
      env: {
        ...others,
        ...Object.fromEntries(set.map(([path, value]) => [environmentName(path), value])),
        [innerKeyVariable]: key,
        ...(options.source !== undefined && { [environmentName('source')]: options.source }),
        ...(options.listen !== undefined && { [environmentName('listen')]: options.listen }),
      },
      configFile: text === undefined ? undefined : file,
      readFile: () => String(document),
      destinationTypes,
    });
  const places = placesOf(options, hasDestinations ? [] : [file]);
  const config = namingPlaces(places, read);
  const destination = destinationOf(config);
  namingPlaces(places, () => readFarGateSettings(destination.name, destination.settings));
  const listenOption = options.listen === undefined ? undefined : '--listen';
  return {
    ...config,
    relay: { destination: destination.name, contractsIntervalMs, listenOption },
  };
}

/** Where a setting was written, by how a fault names it. */
type Places = ReadonlyMap<string, string>;

/** @param files in which no person has written the destination. */
function placesOf({ to, key, ca, source, listen }: RelayOptions, files: string[]): Places {
  const places = new Map<string, string>();
  if (source !== undefined) places.set(environmentName('source'), '--source');
  if (listen !== undefined) places.set(environmentName('listen'), '--listen');
  for (const file of files) {
    for (const [setting, place] of [
      ['url', to === undefined ? toVariable : '--to'],
      ['key', key === undefined ? keyVariable : '--key'],
      ['tls_ca', ca === undefined ? caVariable : '--ca'],
    ] as const) {
      const path = `destinations.${destinationName}.${setting}`;
      places.set(path, place).set(`${file}: ${path}`, place);
    }
  }
  return places;
}

/** Faults name the option or the variable that set a value, rather than what it stands for. */
function namingPlaces<Value>(places: Places, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof StartError)) throw cause;
    const lines = cause.message.split('\n').map((line) => {
      const start = line.length - line.trimStart().length;
      const found = [...places].find(([name]) => line.startsWith(`${name}:`, start));
      if (found === undefined) return line;
      return `${line.slice(0, start)}${found[1]}${line.slice(start + found[0].length)}`;
    });
    throw new StartError(lines.join('\n'), { cause });
  }
}

/** The text of the file. Undefined: none was named, and the default one does not exist. */
function textOf(
  env: Environment,
  { config }: RelayOptions,
  readFile: (file: string) => string,
): string | undefined {
  const file = configFileOf({ env, configFile: config });
  try {
    return readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isNamed = config !== undefined || (env['HEADGATE_CONFIG'] ?? '') !== '';
    if (code === 'ENOENT' && !isNamed) return undefined;
    throw new StartError(`${file} cannot be read (${code}).`, { cause: error });
  }
}

function destinationOf({ destinations, processes }: Config): DestinationConfig {
  const [only, ...more] = destinations;
  if (only?.type !== 'headgate' || more.length > 0) {
    throw new StartError(
      'A relay has one destination, of type headgate. For others, run a gate: headgate serve.',
    );
  }
  if (processes !== 1) {
    throw new StartError('A relay is one process: leave out processes, or set it to 1.');
  }
  return only;
}

/** A name for the far gate's trace, in the letters that it takes. */
export function instanceOf(hostname: string): string {
  return hostname.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
}

/** Without what else may be in a URL. */
function hostOf(to: string): string {
  return URL.canParse(to) ? new URL(to).host : 'the far gate';
}

/** The settings that have another default in a relay: a test holds its page to them. */
export const relayDefaults: ReadonlyMap<keyof typeof settings, string> = new Map(
  Object.entries(presets) as [keyof typeof settings, string][],
);
