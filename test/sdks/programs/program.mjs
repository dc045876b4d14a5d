/** What the programs of Node's SDKs share: the calls that they make, and how they report. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The arguments: the gate's address, the write key, `plain` or `gzip`, and the calls. A call is
 * `track=MARKER`, or `track!=MARKER` for an event that breaks its schema.
 */
export function readArguments() {
  const [url, key, mode, ...calls] = process.argv.slice(2);
  return {
    url,
    key,
    isGzip: mode === 'gzip',
    calls: calls.map((text) => {
      const [name, marker] = text.split('=');
      return { call: name.replace('!', ''), marker, isGood: !name.endsWith('!') };
    }),
  };
}

/** Loads the SDK from the folder that it is installed in. */
export async function loadSdk(name) {
  const folder = process.env['SDK_FOLDER'];
  const require = createRequire(path.join(folder, 'package.json'));
  const loaded = await import(pathToFileURL(require.resolve(name)).href);
  return loaded;
}

export function say(line) {
  console.log(`report ${JSON.stringify(line)}`);
}

/** Without its total and currency an order breaks its schema. */
export function order(marker, isGood) {
  return { order_id: marker, ...(isGood && { total: 12.5, currency: 'EUR' }) };
}

const failed = new Map();
const sent = new Map();

/** Marks each call whose marker is in the text of what failed; all of them without such a text. */
export function fail(calls, error, about) {
  const text = about === undefined ? undefined : JSON.stringify(about);
  for (const { marker } of calls) {
    if (text === undefined || text.includes(marker)) failed.set(marker, error);
  }
}

/** The callback of one call, or what it returned. */
export function settle(marker, error, shown = 'its callback had no error') {
  if (error) failed.set(marker, error);
  else sent.set(marker, shown);
}

export function end(calls) {
  for (const { marker } of calls) {
    const error = failed.get(marker);
    if (error === undefined) say({ marker, belief: 'sent', why: sent.get(marker) ?? 'no error' });
    else say({ marker, belief: isBreak(error) ? 'broke' : 'failed', why: reasonOf(error) });
  }
  say({ end: true });
}

/** Not an error of the SDK's own: it did not understand the answer. */
function isBreak(error) {
  const reason = error?.reason ?? error;
  return [TypeError, ReferenceError, RangeError, SyntaxError].some(
    (kind) => reason instanceof kind,
  );
}

function reasonOf(error) {
  const reason = error?.reason ?? error;
  return String(reason?.message ?? reason?.code ?? JSON.stringify(reason)).slice(0, 300);
}
