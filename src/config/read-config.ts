import { build } from './build/build.ts';
import type { Config } from './config.ts';
import { type ConfigSources, gather } from './gather/gather.ts';

export { configFileOf, type ConfigSources } from './gather/gather.ts';

/**
 * Reads the whole configuration: variables over the file over defaults, frozen.
 *
 * Throws one `StartError` that lists every problem, where it is and how to fix it.
 * Only `readFile` does input or output. Messages never contain a secret, nor a URL that may carry
 * one.
 */
export function readConfig(sources: ConfigSources): Config {
  return build(gather(sources));
}
