/**
 * Runs the tests of the kafka destination against a real broker: Apache Kafka from Maven Central, one
 * node, on loopback. Needs Java 17 or newer and Maven; if they are missing, says so and exits 0.
 *
 *     npm run test:kafka
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const javaMin = 17;

/** Undefined: this machine can run a broker. */
function missing(): string | undefined {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = Number(/version "(\d+)/.exec(java.stderr ?? '')?.[1] ?? 0);
  if (version < javaMin)
    return `it needs Java ${javaMin} or newer, and this is ${version || 'none'}`;
  return spawnSync('mvn', ['--version']).status === 0 ? undefined : 'it needs Maven (mvn)';
}

const reason = missing();
if (reason === undefined) run();
else console.log(`test:kafka: skipped: ${reason}`);

function run(): void {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-kafka-'));
  try {
    const list = path.join(folder, 'classpath');
    const pom = fileURLToPath(new URL('../../test/kafka/pom.xml', import.meta.url));
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath';
    const maven = ['-q', '-B', '-f', pom, goal, `-Dmdep.outputFile=${list}`];
    if (spawnSync('mvn', maven, { stdio: 'inherit' }).status !== 0) {
      console.log('test:kafka: skipped: Maven could not fetch the broker');
      return;
    }
    const env = {
      ...process.env,
      HEADGATE_TEST_KAFKA_CLASSPATH: readFileSync(list, 'utf8').trim(),
    };
    const { status } = spawnSync('vitest', ['run', 'test/kafka', ...process.argv.slice(2)], {
      stdio: 'inherit',
      env,
    });
    process.exitCode = status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
