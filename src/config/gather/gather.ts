import type { DestinationTypeSettings } from '../destination-type.ts';
import {
  type ConfigurationFile,
  defaultConfigFile,
  loadConfigurationFile,
} from './configuration-file.ts';
import { gatherDestinations, type RawDestination } from './gather-destinations.ts';
import { gatherIntake, type RawNatsIntake } from './gather-intake.ts';
import { gatherKeys, type RawKey } from './gather-keys.ts';
import { gatherOperators, type RawOperator } from './gather-operators.ts';
import { gatherWebhooks, type RawWebhook } from './gather-webhooks.ts';
import { nearest } from './nearest.ts';
import { type Environment, type RawValue, rawFromEnvironment } from './raw-value.ts';
import { collectLeaves } from './tree.ts';
import { environmentName, settings } from '../settings.ts';

/** Everything to read, each value with its location. */
export interface RawConfig {
  /** By the path of the setting. */
  readonly values: ReadonlyMap<string, RawValue>;
  readonly keys: readonly RawKey[];
  readonly operators: readonly RawOperator[];
  readonly destinations: readonly RawDestination[];
  readonly webhooks: readonly RawWebhook[];
  readonly intake: readonly RawNatsIntake[];
  /** True if the file could not be read: rules between settings are then not validated. */
  readonly fileBroken: boolean;
  readonly faults: readonly string[];
}

/** The inputs of the configuration. */
export interface ConfigSources {
  readonly env: Environment;
  /** `--config`; else HEADGATE_CONFIG; else `headgate.yaml` if it exists. */
  readonly configFile?: string | undefined;
  /** As `readFileSync(path, 'utf8')`: throws with `code` ENOENT if the file does not exist. */
  readonly readFile: (path: string) => string;
  readonly destinationTypes: readonly DestinationTypeSettings[];
}

const configFileVariable = 'HEADGATE_CONFIG';

/** Settings of commands, which may be set in the environment of a gate. */
const clientVariables = ['HEADGATE_URL', 'HEADGATE_WRITE_KEY', 'HEADGATE_OPERATOR_TOKEN'];

/** The path of the configuration file, whether it exists or not. */
export function configFileOf(sources: Pick<ConfigSources, 'env' | 'configFile'>): string {
  return namedFile(sources) ?? defaultConfigFile;
}

function namedFile({ env, configFile }: Pick<ConfigSources, 'env' | 'configFile'>) {
  return configFile ?? (env[configFileVariable] || undefined);
}

/** The first step: finds each value and reports unknown names. Does not read values yet. */
export function gather(sources: ConfigSources): RawConfig {
  const { env, readFile, destinationTypes } = sources;
  const faults: string[] = [];
  const file = loadConfigurationFile(namedFile(sources), readFile, faults);
  const tree = new Map(file.tree);
  const keysNode = tree.get('keys');
  const destinationsNode = tree.get('destinations');
  const hasDestinations = tree.has('destinations');
  tree.delete('keys');
  tree.delete('destinations');
  const webhooksNode = tree.get('webhooks');
  tree.delete('webhooks');
  const intakeNode = tree.get('intake');
  tree.delete('intake');
  const operatorsNode = tree.get('operators');
  tree.delete('operators');

  const context = { file: file.name, env, faults };
  const sections = ['keys', 'operators', 'destinations', 'webhooks', 'intake'];
  const values = collectLeaves(tree, settings, { ...context, under: '', sections });
  const known = new Set([configFileVariable, ...clientVariables]);
  for (const path of Object.keys(settings)) {
    const name = environmentName(path);
    known.add(name);
    const raw = rawFromEnvironment(name, env);
    if (raw) values.set(path, raw);
  }
  const keys = gatherKeys(keysNode, context);
  const operators = gatherOperators(operatorsNode, context);
  const destinations = file.broken
    ? []
    : gatherDestinations(hasDestinations ? destinationsNode : undefined, hasDestinations, {
        ...context,
        destinationTypes,
        known,
      });
  const webhooks = gatherWebhooks(webhooksNode, context);
  const intake = gatherIntake(intakeNode, { ...context, known });
  findUnknownVariables(env, known, file, destinations, faults);
  const fileBroken = file.broken;
  return { values, keys, operators, destinations, webhooks, intake, fileBroken, faults };
}

function findUnknownVariables(
  env: Environment,
  known: ReadonlySet<string>,
  file: ConfigurationFile,
  destinations: readonly RawDestination[],
  faults: string[],
): void {
  const unread = destinations.filter(({ settings }) => settings === undefined);
  const skipped = file.broken
    ? ['HEADGATE_DESTINATIONS_', 'HEADGATE_INTAKE_NATS_']
    : unread.map(({ name }) => `${environmentName(`destinations.${name}`)}_`);
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('HEADGATE_') || known.has(name) || file.asksFor.has(name)) continue;
    if (skipped.some((prefix) => name.startsWith(prefix))) continue;
    if (isServiceLink(name, value ?? '')) continue;
    if (name.startsWith('HEADGATE_KEYS')) {
      faults.push(`${name}: write keys have no variable: list them under keys in ${file.name}`);
      continue;
    }
    if (name.startsWith('HEADGATE_OPERATORS')) {
      faults.push(
        `${name}: operators have no variables: list them under operators in ${file.name}`,
      );
      continue;
    }
    if (name.startsWith('HEADGATE_WEBHOOKS')) {
      faults.push(`${name}: webhooks have no variables: list them under webhooks in ${file.name}`);
      continue;
    }
    faults.push(`${name}: is not known; the nearest that is: ${nearest(name, known)}`);
  }
}

/**
 * Kubernetes sets such variables in every pod for each Service of its namespace: a Service
 * `headgate` makes HEADGATE_SERVICE_HOST, HEADGATE_PORT=tcp://... and HEADGATE_PORT_8080_TCP_ADDR. They are
 * not typing errors, and must not prevent the start.
 */
function isServiceLink(name: string, value: string): boolean {
  if (/_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name)) return true;
  if (/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value);
}
