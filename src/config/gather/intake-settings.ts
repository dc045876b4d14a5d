import { natsIntakeFormats } from '../intake/nats-intake.ts';
import type { Setting } from '../setting.ts';
import { sourceLimitSettings } from './source-limit-settings.ts';

/** The settings that say how to reach the server. They need `url`. */
export const natsServerSettings = {
  user: { kind: 'string', default: null, text: 'The user. Needs `password`.' },
  password: { kind: 'secret', default: null, text: 'The password of that user.' },
  token: { kind: 'secret', default: null, text: 'A token, in place of a user.' },
  creds_file: {
    kind: 'path',
    default: null,
    text: 'A .creds file, in place of a user. It is read at each connection.',
  },
  tls_ca: {
    kind: 'path',
    default: null,
    text: 'Certificate authorities to trust, in PEM. Use it with tls://.',
  },
} as const satisfies Record<string, Setting>;

/** The settings of one source. */
export const natsIntakeSettings = {
  stream: { kind: 'string', text: 'The stream. It must be one of yours: not a stream of the log.' },
  consumer: {
    kind: 'string',
    text: 'Its durable pull consumer, with explicit acknowledgements and without `max_deliver`. You create it; Headgate does not change it.',
  },
  format: {
    kind: 'enum',
    default: 'headgate',
    options: natsIntakeFormats,
    text: '`headgate`: a message is the JSON of one event, as `POST /v1/track` takes it, or of a batch, as `POST /v1/batch` does. `cloudevents`: CloudEvents 1.0, structured or binary.',
  },
  url: {
    kind: 'string',
    default: null,
    defaultText: 'the NATS of the log',
    text: 'Servers of NATS: nats://host:4222 or tls://host:4222, several with commas between. Without a user or password in it.',
  },
  ...natsServerSettings,
  ...sourceLimitSettings,
} as const satisfies Record<string, Setting>;
