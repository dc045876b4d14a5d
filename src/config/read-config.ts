import { build } from './build/build.ts';
import type { Config } from './config.ts';
import { type ConfigSources, gather } from './gather/gather.ts';

export type { ConfigSources } from './gather/gather.ts';

/**
 * Reads the whole configuration: variables over the file over defaults, frozen.
 *
 * Throws one `StartError` that lists every problem, where it is and how to fix it.
 * Nothing but `readFile` touches the world, and no value of a secret or an address that may carry
 * one is ever part of a message.
 */
export function readConfig(sources: ConfigSources): Config {
  return build(gather(sources));
}
