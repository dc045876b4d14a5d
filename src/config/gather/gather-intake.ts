import { natsIntakesMax } from '../intake/nats-intake.ts';
import { environmentName } from '../settings.ts';
import { sourceForm, sourcePattern } from '../write-key.ts';
import { natsIntakeSettings } from './intake-settings.ts';
import { type RawValue, rawFromEnvironment } from './raw-value.ts';
import { type GatherContext, collectLeaves } from './tree.ts';

/** A source that takes events from a stream of NATS, as found. */
export interface RawNatsIntake {
  readonly source: string;
  /** `headgate.yaml: intake.nats.orders`. */
  readonly from: string;
  readonly values: ReadonlyMap<string, RawValue>;
}

interface IntakeContext extends GatherContext {
  /** Takes the names of the variables that override something. */
  readonly known: Set<string>;
}

/** The sources below `intake.nats`. Each setting of a source in the file has a variable. */
export function gatherIntake(node: unknown, context: IntakeContext): RawNatsIntake[] {
  const { file, faults } = context;
  if (node === undefined || node === null) return [];
  if (!(node instanceof Map)) {
    faults.push(`${file}: intake: is not a map: write nats and its sources below it`);
    return [];
  }
  for (const key of node.keys()) {
    if (key !== 'nats')
      faults.push(`${file}: intake.${String(key)}: is not known; there is intake.nats`);
  }
  const sources: unknown = node.get('nats');
  if (sources === undefined || sources === null) return [];
  if (!(sources instanceof Map)) {
    faults.push(
      `${file}: intake.nats: is not a map: write a source for each and its settings below it`,
    );
    return [];
  }
  if (sources.size > natsIntakesMax) {
    faults.push(`${file}: intake.nats: has ${sources.size} sources: at most ${natsIntakesMax}`);
  }
  return [...sources]
    .map(([name, tree]) => gatherSource(String(name), tree, context))
    .filter((found) => found !== undefined);
}

function gatherSource(
  source: string,
  tree: unknown,
  context: IntakeContext,
): RawNatsIntake | undefined {
  const { file, faults, env, known } = context;
  const under = `intake.nats.${source}`;
  const from = `${file}: ${under}`;
  if (!sourcePattern.test(source)) {
    faults.push(`${from}: is not a source: ${sourceForm}`);
    return undefined;
  }
  if (!(tree instanceof Map)) {
    faults.push(`${from}: is not a map: write its stream and consumer below it`);
    return undefined;
  }
  const values = collectLeaves(tree, natsIntakeSettings, { ...context, under });
  for (const path of Object.keys(natsIntakeSettings)) {
    const variable = environmentName(`${under}.${path}`);
    // `shop-eu` and `shop_eu` have the same variables: harmless until one of them is set.
    if (known.has(variable) && env[variable]) {
      faults.push(`${variable}: fits more than one source (${from} is one): rename one of them`);
    }
    known.add(variable);
    const raw = rawFromEnvironment(variable, env);
    if (raw) values.set(path, raw);
  }
  return { source, from, values };
}
