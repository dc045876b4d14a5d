import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StartError } from '../../errors.ts';
import type { Destination, DestinationSettings } from '../destination.ts';
import { faultOfOutcomes } from './outcomes.ts';

/** The default export of a module. */
type Create = (name: string, options: DestinationSettings) => Destination | Promise<Destination>;

const openMsMax = 30_000;

/**
 * A destination that the operator wrote, with the same contract as ours.
 *
 * The module runs in this process and is trusted like the configuration. Its results are not
 * trusted: too few, too many or invalid outcomes are an error, and the batch is delivered again.
 */
export async function createModuleDestination(
  name: string,
  settings: DestinationSettings,
): Promise<Destination> {
  const path = resolve(String(settings['path']));
  const fail = (text: string, cause?: unknown): never => {
    throw new StartError(`destinations.${name}.path: ${path} ${text}`, { cause });
  };
  const create = await within(importModule(path, fail), () => fail(tooSlow));
  const opening = open(create, name, settings, fail);
  const destination = await within(opening, () => fail(tooSlow));
  const missing = faultsOfShape(destination);
  if (missing.length > 0) {
    fail(
      `opens no destination: ${missing.join('; ')}. The contract is src/destinations/destination.ts`,
    );
  }
  return checked(path, destination);
}

type Fail = (text: string, cause?: unknown) => never;

const tooSlow = `was not open within ${openMsMax / 1000} s`;

const exportAdvice = 'write: export default function (name, options) { return { deliver, ... }; }';

async function importModule(path: string, fail: Fail): Promise<Create> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) fail('is not there. A path is relative to the working directory');
  if (found?.isFile() === false) fail('is not a file');
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    return fail(`cannot be imported: ${messageOf(error)}`, error);
  }
  if (typeof module.default === 'function') return module.default as Create;
  const what = module.default === undefined ? 'has no default export' : 'exports no function';
  return fail(`${what}: ${exportAdvice}`);
}

async function open(
  create: Create,
  name: string,
  settings: DestinationSettings,
  fail: Fail,
): Promise<Destination> {
  try {
    return await create(name, optionsOf(settings));
  } catch (error) {
    return fail(`did not open: ${messageOf(error)}`, error);
  }
}

const optionPrefix = 'options.';

function optionsOf(settings: DestinationSettings): DestinationSettings {
  const own = Object.entries(settings).filter(([name]) => name.startsWith(optionPrefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(optionPrefix.length), value]));
}

function faultsOfShape(destination: unknown): string[] {
  if (typeof destination !== 'object' || destination === null) return ['it is no object'];
  const { batchEventsMax, concurrency } = destination as Record<string, unknown>;
  const { deliver, close, stored, disabled, trouble } = destination as Record<string, unknown>;
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1;
  return [
    isCount(batchEventsMax) ? '' : 'batchEventsMax is no whole number from 1',
    isCount(concurrency) ? '' : 'concurrency is no whole number from 1',
    typeof deliver === 'function' ? '' : 'deliver is no function',
    typeof close === 'function' ? '' : 'close is no function',
    stored === undefined || typeof stored === 'function' ? '' : 'stored is no function',
    disabled === undefined || typeof disabled === 'function' ? '' : 'disabled is no function',
    trouble === undefined || typeof trouble === 'function' ? '' : 'trouble is no function',
  ].filter((fault) => fault !== '');
}

/** The module's destination, with its results validated. A throw is logged. */
function checked(path: string, destination: Destination): Destination {
  let closing: Promise<void> | undefined;
  return {
    batchEventsMax: destination.batchEventsMax,
    concurrency: destination.concurrency,
    async deliver(batch, signal) {
      const outcomes: unknown = await destination.deliver(batch, signal);
      const fault = faultOfOutcomes(outcomes, batch.length);
      if (fault !== undefined) throw new Error(`${path} ${fault}`);
      return outcomes as Awaited<ReturnType<Destination['deliver']>>;
    },
    ...(destination.stored === undefined
      ? {}
      : { stored: (window) => destination.stored!(window) }),
    ...(destination.disabled === undefined
      ? {}
      : { disabled: () => wordOf(() => destination.disabled!()) }),
    ...(destination.trouble === undefined
      ? {}
      : { trouble: () => wordOf(() => destination.trouble!()) }),
    close: () => (closing ??= Promise.resolve(destination.close())),
  };
}

/** What the module says about itself. An error in that is not shown to the caller. */
function wordOf(ask: () => unknown): string | undefined {
  try {
    const word = ask();
    return typeof word === 'string' ? word : undefined;
  } catch {
    return undefined;
  }
}

async function within<Value>(promise: Promise<Value>, onLate: () => never): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    try {
      onLate();
    } catch (error) {
      reject(error as Error);
    }
  }, openMsMax);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
