import { availableParallelism } from 'node:os';
import { parseAddress, parseSocketPath, socketPathBytesMax } from '../address.ts';
import type { RawValue } from '../gather/raw-value.ts';
import { createSecret } from '../secret.ts';
import type { Setting } from '../setting.ts';
import { parseBytes, parseDuration } from '../units.ts';

/** A value, or its problem and how to fix it. */
export type Reading = { readonly value: unknown } | { readonly fault: string };

type Reader = (value: unknown, setting: Setting) => Reading;

/** Reads a raw value by its setting. A fault shows the value unless it may be a secret. */
export function readValue(setting: Setting, raw: RawValue): Reading {
  if (raw.value === null) return { fault: 'has no value: give it one, or remove the line' };
  const reading = readers[setting.kind](raw.value, setting);
  const mayShow = setting.kind !== 'secret' && setting.kind !== 'url' && raw.shown !== undefined;
  return 'fault' in reading && mayShow ? { fault: `${raw.shown} ${reading.fault}` } : reading;
}

/** Reads the default like a written value. A number is in milliseconds or bytes. */
export function readDefault(setting: Setting): Reading {
  const { default: value } = setting;
  if (value === undefined) return { fault: `is required: ${setting.text}` };
  if (value === null) return { value: undefined };
  if (typeof value === 'number' && setting.kind !== 'integer') return { value };
  return readers[setting.kind](value, setting);
}

const readers: Readonly<Record<Setting['kind'], Reader>> = {
  string: readText,
  secret: (value) => mapText(readText(value), createSecret),
  path: readPath,
  url: readUrl,
  integer: readInteger,
  duration: readDuration,
  bytes: readBytes,
  boolean: readBoolean,
  scalar: readScalar,
  address: readAddress,
  listen: readListenAddress,
  enum: readWord,
  list: readList,
};

function mapText(reading: Reading, change: (text: string) => unknown): Reading {
  return 'value' in reading ? { value: change(String(reading.value)) } : reading;
}

function readText(value: unknown): Reading {
  if (typeof value !== 'string') return { fault: 'is not text: put it in quotes' };
  return value.trim() === '' ? { fault: 'is empty: give it a value' } : { value };
}

function readPath(value: unknown): Reading {
  const reading = readText(value);
  const isHome = typeof value === 'string' && value.startsWith('~');
  return isHome ? { fault: 'begins with ~, which only a shell knows: write it out' } : reading;
}

/** Never shows the value: URLs carry passwords and tokens. */
function readUrl(value: unknown, setting: Setting): Reading {
  const reading = readText(value);
  if (typeof value !== 'string' || 'fault' in reading) return reading;
  const parts = setting.several ? value.split(',').map((part) => part.trim()) : [value];
  const schemes = setting.schemes?.map((scheme) => `${scheme}:`);
  for (const part of parts) {
    const url = URL.parse(part);
    if (!url?.host || (schemes && !schemes.includes(url.protocol))) {
      const first = setting.schemes?.[0] ?? 'https';
      return { fault: `is not an address of this kind: write it as ${first}://host:port` };
    }
  }
  return { value: parts.join(',') };
}

function readInteger(value: unknown, setting: Setting): Reading {
  if (setting.auto && value === 'auto') return { value: availableParallelism() };
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) {
    const words = setting.auto ? ', or auto' : '';
    return { fault: `is not a whole number: write digits alone, without a unit${words}` };
  }
  return withinBounds(number, setting, Number);
}

function readDuration(value: unknown, setting: Setting): Reading {
  if (typeof value === 'number' || (typeof value === 'string' && /^[\d.]+$/.test(value))) {
    return { fault: 'has no unit: add ms, s, m, h or d, as in 30s' };
  }
  const durationMs = typeof value === 'string' ? parseDuration(value) : undefined;
  if (durationMs === undefined) {
    return { fault: 'is not a duration: write a whole number and ms, s, m, h or d, as in 30s' };
  }
  return withinBounds(durationMs, setting, (bound) => parseDuration(String(bound)));
}

function readBytes(value: unknown, setting: Setting): Reading {
  const bytes = parseBytes(String(value));
  if ((typeof value !== 'string' && typeof value !== 'number') || bytes === undefined) {
    return { fault: 'is not a size: write bytes, or a whole number and KiB, MiB, GiB or TiB' };
  }
  return withinBounds(bytes, setting, (bound) => parseBytes(String(bound)));
}

function withinBounds(
  value: number,
  setting: Setting,
  parse: (bound: string | number) => number | undefined,
): Reading {
  const { min, max } = setting;
  const tooLow = min !== undefined && value < (parse(min) ?? -Infinity);
  const tooHigh = max !== undefined && value > (parse(max) ?? Infinity);
  if (tooLow) return { fault: `is below ${min}: give ${min} or more. ${setting.text}` };
  if (tooHigh) return { fault: `is above ${max}: give ${max} or less. ${setting.text}` };
  return { value };
}

function readBoolean(value: unknown): Reading {
  if (value === true || value === 'true') return { value: true };
  if (value === false || value === 'false') return { value: false };
  return { fault: 'is neither true nor false: write one of the two' };
}

function readScalar(value: unknown): Reading {
  const isScalar =
    typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
  return isScalar ? { value } : { fault: 'is neither text, a number nor true or false' };
}

function readAddress(value: unknown): Reading {
  const address = typeof value === 'string' ? parseAddress(value) : undefined;
  if (address) return { value: address };
  return { fault: 'is not an address: write host:port, as in 127.0.0.1:8080 or [::1]:8080' };
}

function readListenAddress(value: unknown): Reading {
  const socketPath = typeof value === 'string' ? parseSocketPath(value) : undefined;
  if (socketPath === undefined) {
    const reading = readAddress(value);
    const fault = 'fault' in reading && `${reading.fault}, or unix:PATH for a Unix socket`;
    return fault === false ? reading : { fault };
  }
  const bytes = Buffer.byteLength(socketPath);
  const name = socketPath.slice(socketPath.lastIndexOf('/') + 1);
  // Node takes a number, also 0x1f or 1e3, for a port. Spaces at an end come from quotes around too much.
  const isNumber = Number(name) >= 0;
  const isFile = !isNumber && !/^\.\.?$/.test(name) && !/^\s|\s$|\p{Cc}/u.test(socketPath);
  if (!isFile) {
    return { fault: 'names no file: write unix:PATH, as in unix:/run/headgate/relay.sock' };
  }
  if (bytes > socketPathBytesMax) {
    return {
      fault:
        `has a path of ${bytes} bytes, and this system takes ${socketPathBytesMax} for a socket: ` +
        'choose a shorter one, as in unix:/run/headgate/relay.sock',
    };
  }
  return { value: { socketPath } };
}

function readWord(value: unknown, setting: Setting): Reading {
  const options = setting.options ?? [];
  if (typeof value === 'string' && options.includes(value)) return { value };
  return { fault: `is not known: write one of ${options.join(', ')}` };
}

/** A YAML list, or text separated by commas. Never shows items: they may be secrets. */
function readList(value: unknown, setting: Setting): Reading {
  const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
  if (!Array.isArray(items)) return { fault: 'is not a list: write [one, two]' };
  if (items.length === 0) return { fault: 'is empty: name at least one, or remove the line' };
  for (const [index, item] of items.entries()) {
    const reading = setting.options ? readWord(item, setting) : readText(item);
    if ('fault' in reading) return { fault: `item ${index + 1} ${reading.fault}` };
  }
  return { value: items };
}
