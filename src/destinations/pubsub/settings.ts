import { StartError } from '../../errors.ts';
import { readFormat } from '../cloudevents/format.ts';
import type { DestinationSettings } from '../destination.ts';
import { readAddress, readProject } from '../google-client.ts';
import { messageGroupings, type MessageGrouping } from '../queues/message-group.ts';

/** The settings of a `pubsub` destination, checked. */
export interface PubsubSettings {
  readonly project: string;
  /** As requests name it: `projects/my-project/topics/events`. */
  readonly topic: string;
  /** Host, with a port if it is not 443. */
  readonly address: string;
  /** False with `http://`: in the clear, without credentials. */
  readonly isSecure: boolean;
  /** Undefined: messages have no ordering key. */
  readonly ordering: MessageGrouping | undefined;
  readonly format: 'headgate' | 'cloudevents';
  readonly timeoutMs: number;
  readonly concurrency: number;
}

const googleAddress = 'pubsub.googleapis.com';

/** https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
const topicText = /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/;

/** Requests under way at once, where their order has no meaning. */
const concurrencyUnordered = 4;

/** Throws a StartError that names the setting to fix. */
export function readPubsubSettings(name: string, settings: DestinationSettings): PubsubSettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const project = readProject(name, settings);
  const topic = String(settings['topic']);
  if (!topicText.test(topic)) {
    fail(
      'topic',
      'give the last part of its name alone: events of projects/my-project/topics/events',
    );
  }
  const address = readAddress(
    `destinations.${name}.endpoint`,
    settings['endpoint'],
    googleAddress,
    'europe-west1-pubsub.googleapis.com',
  );
  const asked = settings['ordering'] ?? 'none';
  const ordering = messageGroupings.find((one) => one === asked);
  if (asked !== 'none' && ordering === undefined) {
    fail('ordering', `use one of none, ${messageGroupings.join(', ')}`);
  }
  const timeoutMs = Number(settings['timeout']);
  if (!(timeoutMs > 0)) fail('timeout', 'give a duration above 0, such as 15s');
  return {
    project,
    topic: `projects/${project}/topics/${topic}`,
    address: address.host,
    isSecure: address.isSecure,
    ordering,
    format: readFormat(name, settings, ['headgate', 'cloudevents']),
    timeoutMs,
    concurrency: Number(
      settings['concurrency'] ?? (ordering === undefined ? concurrencyUnordered : 1),
    ),
  };
}
