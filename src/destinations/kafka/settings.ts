import { StartError } from '../../errors.ts';
import { readFormat } from '../cloudevents/format.ts';
import type { DestinationSettings } from '../destination.ts';

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** The settings of a `kafka` destination, checked. */
export interface KafkaSettings {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly tls: boolean;
  readonly sasl:
    | {
        readonly mechanism: (typeof mechanisms)[number];
        readonly username: string;
        readonly password: string;
      }
    | undefined;
  readonly timeoutMs: number;
  readonly format: 'headgate' | 'cloudevents';
}

/** A name and a port, or an IPv6 address in brackets and a port. */
const brokerPattern = /^(?:[^\s:,[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;

/** As Kafka has it: at most 249 of these, and neither "." nor "..". */
const topicPattern = /^(?!\.{1,2}$)[\w.-]{1,249}$/;

/** Throws a StartError that says which one to fix. */
export function readKafkaSettings(name: string, settings: DestinationSettings): KafkaSettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const brokers = String(settings['brokers'])
    .split(',')
    .map((broker) => broker.trim());
  const odd = brokers.find((broker) => !brokerPattern.test(broker));
  if (odd !== undefined) fail('brokers', `"${odd}" is none: write host:port, as in kafka-1:9092`);
  const topic = String(settings['topic']);
  if (!topicPattern.test(topic)) {
    fail('topic', 'it is no name of a topic: give 1 to 249 of letters, digits, ".", "_" and "-"');
  }
  const timeoutMs = Number(settings['timeout']);
  if (!(timeoutMs > 0)) fail('timeout', 'give a duration above 0, such as 15s');
  const given = settings['sasl_mechanism'] ?? null;
  const mechanism = mechanisms.find((word) => word === given);
  if (given !== null && mechanism === undefined) {
    fail('sasl_mechanism', `it is not known: write one of ${mechanisms.join(', ')}`);
  }
  const [username, password] = [settings['username'] ?? null, settings['password'] ?? null];
  const isWhole =
    (username === null) === (given === null) && (password === null) === (given === null);
  if (!isWhole) fail('sasl_mechanism', 'set it, username and password together, or none of them');
  const sasl =
    mechanism === undefined
      ? undefined
      : { mechanism, username: String(username), password: String(password) };
  const format = readFormat(name, settings, ['headgate', 'cloudevents']);
  return { brokers, topic, tls: settings['tls'] === true, sasl, timeoutMs, format };
}
