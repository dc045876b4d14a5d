/**
 * Runs the tests of the kafka destination against a real broker: Apache Kafka from Maven Central, one
 * node, on loopback. Maven keeps the broker; `npm test` uses it from then on. Needs Java 17 or newer and
 * Maven; if they are missing, says so and exits 0.
 *
 *     npm run test:kafka
 *     npm run test:kafka -- --install-only
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { classpathFile } from '../../test/kafka/classpath.ts';

const javaMin = 17;
const args = process.argv.slice(2);

/** Undefined: this machine can run a broker. */
function missing(): string | undefined {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = Number(/version "(\d+)/.exec(java.stderr ?? '')?.[1] ?? 0);
  if (version < javaMin)
    return `it needs Java ${javaMin} or newer, and this is ${version || 'none'}`;
  return spawnSync('mvn', ['--version']).status === 0 ? undefined : 'it needs Maven (mvn)';
}

const reason = missing();
if (reason !== undefined) console.log(`test:kafka: skipped: ${reason}`);
else if (!fetchBroker()) console.log('test:kafka: skipped: Maven could not fetch the broker');
else if (!args.includes('--install-only')) run();

function fetchBroker(): boolean {
  mkdirSync(path.dirname(classpathFile), { recursive: true });
  const pom = fileURLToPath(new URL('../../test/kafka/pom.xml', import.meta.url));
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath';
  const maven = ['-q', '-B', '-f', pom, goal, `-Dmdep.outputFile=${classpathFile}`];
  return spawnSync('mvn', maven, { stdio: 'inherit' }).status === 0;
}

function run(): void {
  const { status } = spawnSync('vitest', ['run', 'test/kafka', ...args], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
