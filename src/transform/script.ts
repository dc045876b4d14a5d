import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core';

import { StartError } from '../errors.ts';
import { TransformError } from './event-form.ts';
import type { RunProgram } from './transform-program.ts';

/** The memory of one call. */
const memoryBytesMax = 64 * 1024 * 1024;
const stackBytesMax = 512 * 1024;

/** The same for every copy of an event: no clock, no chance. */
const prelude = `
  const fixed = (what) => () => { throw new Error(what + ' is not available: a transform gives the same each time'); };
  Math.random = fixed('Math.random');
  const RealDate = Date;
  const now = fixed('the current time');
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values) => values.length === 0 ? now() : new target(...values),
    apply: now,
    get: (target, name) => name === 'now' ? now : target[name],
  });
  RealDate.prototype.constructor = globalThis.Date;
`;

const caller = `(apply, text) => {
  const result = apply(JSON.parse(text));
  if (result instanceof Promise) throw new Error('the function is async: return the event itself');
  return JSON.stringify(result);
}`;

/**
 * Compiles a script, an ES module whose default export is a function of an event. It runs in QuickJS
 * inside WebAssembly: without a network, files, timers and imports. Each event has a context of its
 * own, so nothing is left of another one. Rejects with a StartError if it does not compile.
 */
export async function compileScript(text: string): Promise<RunProgram> {
  let quickjs: QuickJSWASMModule | undefined;
  const load = async (): Promise<QuickJSWASMModule> =>
    (quickjs ??= await newQuickJSWASMModuleFromVariant(
      import('@jitl/quickjs-wasmfile-release-sync'),
    ));
  const within = async <Value>(
    work: (context: QuickJSContext, apply: QuickJSHandle) => Value,
  ): Promise<Value> => {
    const runtime = (await load()).newRuntime();
    runtime.setMemoryLimit(memoryBytesMax);
    runtime.setMaxStackSize(stackBytesMax);
    const context = runtime.newContext();
    try {
      evaluate(context, prelude).dispose();
      const module = evaluate(context, text, 'module');
      const apply = context.getProp(module, 'default');
      module.dispose();
      if (context.typeof(apply) !== 'function') {
        apply.dispose();
        throw new TransformError(
          'has no default export that is a function: write export default (event) => event',
        );
      }
      try {
        return work(context, apply);
      } finally {
        apply.dispose();
      }
    } finally {
      try {
        context.dispose();
        runtime.dispose();
      } catch {
        // An overflow of its stack leaves QuickJS in pieces: the next event gets a new one.
        quickjs = undefined;
      }
    }
  };
  try {
    await within(() => undefined);
  } catch (cause) {
    throw new StartError(`is not a script that runs: ${(cause as Error).message}`, { cause });
  }
  return (event) => within((context, apply) => call(context, apply, JSON.stringify(event)));
}

function call(context: QuickJSContext, apply: QuickJSHandle, event: string): unknown {
  const wrapper = evaluate(context, caller);
  const argument = context.newString(event);
  const result = context.callFunction(wrapper, context.undefined, apply, argument);
  wrapper.dispose();
  argument.dispose();
  const handle = unwrap(context, result);
  try {
    if (context.typeof(handle) === 'undefined') return undefined;
    return JSON.parse(context.getString(handle)) as unknown;
  } finally {
    handle.dispose();
  }
}

type Result = ReturnType<QuickJSContext['evalCode']>;

function evaluate(context: QuickJSContext, code: string, type?: 'module'): QuickJSHandle {
  const options = type === undefined ? {} : { type };
  return unwrap(context, context.evalCode(code, 'transform.js', options));
}

function unwrap(context: QuickJSContext, result: Result): QuickJSHandle {
  if (result.error === undefined) return result.value;
  const error = context.dump(result.error) as unknown;
  result.error.dispose();
  throw new TransformError(messageOf(error));
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { name, message } = error as { name?: unknown; message?: unknown };
  return `${String(name)}: ${String(message)}`;
}
