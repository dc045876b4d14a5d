import { StartError } from '../../errors.ts';
import { readFormat } from '../cloudevents/format.ts';
import type { DestinationSettings } from '../destination.ts';
import { messageGroupings, type MessageGrouping } from '../queues/message-group.ts';

/** The settings of an `sqs` destination, checked. */
export interface SqsSettings {
  readonly queueUrl: string;
  /** Where requests go: the origin of the queue's URL, so that a VPC endpoint needs no setting of its own. */
  readonly endpoint: string;
  readonly isFifo: boolean;
  /** Undefined: the client asks the environment of AWS. */
  readonly region: string | undefined;
  /** What the `MessageGroupId` is. Undefined: messages of a standard queue have none. */
  readonly groupBy: MessageGrouping | undefined;
  readonly format: 'headgate' | 'cloudevents';
  readonly timeoutMs: number;
  readonly concurrency: number;
}

/** `sqs.eu-west-1.amazonaws.com`, a VPC endpoint, China, and the older `eu-west-1.queue.amazonaws.com`. */
const hostPatterns = [
  /(?:^|\.)sqs(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)$/,
  /^([a-z]{2}(?:-[a-z]+)+-\d)\.queue\.amazonaws\.com(?:\.cn)?$/,
];

/** The names that AWS allows, in a path of account and name. */
const queueName = /^(?:[\w-]{1,80}|[\w-]{1,75}\.fifo)$/;

/** Throws a StartError that names the setting to fix. */
export function readSqsSettings(name: string, settings: DestinationSettings): SqsSettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const queueUrl = String(settings['queue_url']);
  const url = URL.canParse(queueUrl) ? new URL(queueUrl) : undefined;
  const queue = url?.pathname.split('/').at(-1) ?? '';
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url === undefined || !isWeb || !queueName.test(queue) || url.search !== '') {
    return fail(
      'queue_url',
      'it is not the URL of a queue: copy it from AWS, as in https://sqs.eu-west-1.amazonaws.com/123456789012/events',
    );
  }
  if (url.username !== '' || url.password !== '') {
    fail('queue_url', 'leave out the user and password: AWS finds credentials in its own places');
  }
  const isFifo = queue.endsWith('.fifo');
  const given = settings['group_by'] ?? null;
  const groupBy = messageGroupings.find((one) => one === given);
  if (given !== null && groupBy === undefined) {
    fail('group_by', `use one of ${messageGroupings.join(', ')}`);
  }
  const region = settings['region'] ?? null;
  if (region !== null && !/^[a-z\d-]{1,64}$/.test(String(region))) {
    fail('region', 'it is not the name of a region, such as eu-west-1');
  }
  const timeoutMs = Number(settings['timeout']);
  if (!(timeoutMs > 0)) fail('timeout', 'give a duration above 0, such as 15s');
  return {
    queueUrl,
    endpoint: url.origin,
    isFifo,
    region: region === null ? regionOf(url.hostname) : String(region),
    groupBy: groupBy ?? (isFifo ? 'source' : undefined),
    format: readFormat(name, settings, ['headgate', 'cloudevents']),
    timeoutMs,
    concurrency: Number(settings['concurrency']),
  };
}

function regionOf(host: string): string | undefined {
  for (const pattern of hostPatterns) {
    const found = pattern.exec(host)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}
