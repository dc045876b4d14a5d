import { StartError } from '../errors.ts';
import type { Config } from './config.ts';
import type { DestinationTypeSettings } from './destination-type.ts';
import { readConfig } from './read-config.ts';
import { hashWriteKey } from './write-key.ts';

/** Types as the registry has them, with a setting of each kind. */
export const destinationTypes: readonly DestinationTypeSettings[] = [
  {
    type: 'sqlite',
    startsFrom: 'earliest',
    settings: {
      path: { type: 'path', text: 'The file.' },
      busy_timeout: { type: 'duration', default: '5s', text: 'How long to wait.' },
    },
  },
  {
    type: 'webhook',
    settings: {
      url: { type: 'url', text: 'Where to.' },
      secret: { type: 'secret', text: 'Signs.' },
      label: { type: 'string', default: null, text: 'A label.' },
      concurrency: { type: 'integer', default: 8, min: 1, max: 256, text: 'At once.' },
      body_max: { type: 'bytes', default: '1MiB', text: 'Size.' },
      private: { type: 'boolean', default: false, text: 'Private.' },
    },
  },
  {
    type: 'module',
    settings: { path: { type: 'path', text: 'The file.' } },
    options: 'What it is handed.',
  },
];

/** The input of a test. */
export interface Given {
  readonly file?: string;
  readonly files?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly configFile?: string;
}

/** Reads without touching the disk: `file` is `headgate.yaml`, `files` are by their path. */
export function read(given: Given = {}): Config {
  const files = given.files ?? (given.file === undefined ? {} : { 'headgate.yaml': given.file });
  const { configFile, env = {} } = given;
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' });
    return text;
  };
  return readConfig({ env, readFile, destinationTypes, configFile });
}

/** The lines of the error message after the first. */
export function faultsOf(given: Given): string[] {
  try {
    read(given);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const [, ...lines] = error.message.split('\n');
    return lines.map((line) => line.slice(2));
  }
  return [];
}

/** Input with variables only. */
export const env = (entries: Record<string, string>): Given => ({ env: entries });
/** A line for `keys`. */
export const keyLine = (key: string, source = 'checkout'): string =>
  `  - { source: ${source}, hash: "${hashWriteKey(key)}" }\n`;
