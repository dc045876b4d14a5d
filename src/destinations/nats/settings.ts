import { StartError } from '../../errors.ts';
import { readFormat, type EventFormat } from '../cloudevents/format.ts';
import type { DestinationSettings } from '../destination.ts';
import { readNatsServer, type NatsServer } from './server.ts';
import { parseSubject, type SubjectOf } from './subject.ts';

/** The settings of a `nats` destination, validated. */
export interface NatsSettings extends NatsServer {
  readonly subjectOf: SubjectOf;
  readonly subject: string;
  readonly stream: string | undefined;
  readonly timeoutMs: number;
  readonly batchEvents: number;
  readonly format: EventFormat;
}

/** As NATS has it. */
const streamName = /^[^\s.*>/\\]{1,255}$/;

/** Throws a StartError that names the setting to fix. */
export function readNatsSettings(name: string, settings: DestinationSettings): NatsSettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const text = (setting: string): string | undefined => {
    const value = settings[setting];
    return value === null || value === undefined ? undefined : String(value);
  };
  const server = readNatsServer(text, fail);
  const subject = text('subject') ?? '';
  const stream = text('stream');
  if (stream !== undefined && !streamName.test(stream)) {
    fail('stream', 'it is not the name of a stream: no spaces, dots, wildcards or slashes');
  }
  return {
    ...server,
    subject,
    subjectOf: parseSubject(subject, (fault) => fail('subject', fault)),
    stream,
    timeoutMs: Number(settings['timeout'] ?? 10_000),
    batchEvents: Number(settings['batch_events'] ?? 256),
    format: readFormat(name, settings, ['headgate', 'cloudevents', 'cloudevents_binary']),
  };
}
