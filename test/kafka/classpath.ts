import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where scripts/suites/kafka.ts writes the places of the jars of the broker. */
export const classpathFile = fileURLToPath(
  new URL('../../.headgate/engines/kafka-classpath', import.meta.url),
);

/** Undefined where there is no broker: the file may be there, and the jars be gone. */
export function readClasspath(): string | undefined {
  if (!existsSync(classpathFile)) return undefined;
  const classpath = readFileSync(classpathFile, 'utf8').trim();
  return classpath.split(path.delimiter).every((jar) => existsSync(jar)) ? classpath : undefined;
}
