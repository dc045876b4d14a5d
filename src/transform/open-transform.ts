import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { DestinationConfig, TransformConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { openTransformer, type Transformer } from './transformer.ts';
import type { TransformProgram } from './transform-program.ts';

/**
 * Opens the transform of a destination; undefined if it has none. Rejects with a StartError that names the
 * setting.
 */
export async function openTransform({
  name,
  transform,
}: Pick<DestinationConfig, 'name' | 'transform'>): Promise<Transformer | undefined> {
  if (transform === undefined) return undefined;
  const setting = `destinations.${name}.transform${transform.kind === 'script' ? '.script' : ''}`;
  try {
    return await openTransformer(readProgram(transform));
  } catch (cause) {
    if (!(cause instanceof StartError)) throw cause;
    throw new StartError(`${setting}: ${cause.message}`, { cause });
  }
}

function readProgram(transform: TransformConfig): TransformProgram {
  if (transform.kind === 'jsonata') return transform;
  const file = path.resolve(transform.file);
  try {
    return { kind: 'script', text: readFileSync(file, 'utf8') };
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new StartError(`${file} cannot be read (${code}): name a file that the gate can read`, {
      cause,
    });
  }
}
