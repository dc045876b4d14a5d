import type { Setting } from './setting.ts';

/** The settings of every destination, of any type, by path below the destination. */
export const destinationSettings = {
  type: { kind: 'string', text: 'The type of the destination; the types are listed below.' },
  events: {
    kind: 'list',
    default: null,
    defaultText: 'every event',
    text: 'Globs on the event name: `order_*`.',
  },
  sources: {
    kind: 'list',
    default: null,
    defaultText: 'every source',
    text: 'Globs on the source, which the write key of the producer determines: `shop-*`.',
  },
  from: {
    kind: 'string',
    default: null,
    defaultText: '`earliest` for warehouses and files, `now` for all others',
    text: 'Where a destination starts that is new to the log: `earliest`, `now`, an age such as `7d`, or a time such as `2026-11-01T00:00:00Z`. A destination that the log knows keeps its position.',
  },
  'fields.allow': {
    kind: 'list',
    default: null,
    defaultText: 'all of them',
    text: 'The only paths within `user_id`, `anonymous_id`, `properties` and `context` that leave: `/user_id`, `/properties/total`, `/context/page`.',
  },
  'fields.drop': {
    kind: 'list',
    default: null,
    defaultText: 'none',
    text: 'Paths that do not leave: `/context/ip`, `/properties/items/*/note`.',
  },
  'fields.hash': {
    kind: 'list',
    default: null,
    defaultText: 'none',
    text: 'Paths whose texts, numbers and booleans leave as their HMAC-SHA256, in hex.',
  },
  'fields.hash_key': {
    kind: 'secret',
    default: null,
    text: 'The key for these hashes, 16 characters or more. Another key gives other hashes.',
  },
  transform: {
    kind: 'string',
    default: null,
    defaultText: 'none',
    text: 'A JSONata expression that changes or filters each event, after `fields`: it gives an event, or null. Or a map with `script`.',
  },
  'transform.script': {
    kind: 'path',
    default: null,
    defaultText: 'none',
    text: 'A file with an ES module whose default export is a function of an event, in place of an expression.',
  },
  'retry.attempts': {
    kind: 'integer',
    default: 5,
    min: 1,
    max: 100,
    text: 'The number of attempts before an event becomes a dead letter. Outages do not count. An event that fails a hundred times by itself will not succeed.',
  },
  'retry.base': {
    kind: 'duration',
    default: '1s',
    min: '1ms',
    max: '1h',
    text: 'The upper bound of the first delay. It doubles with each attempt. At most `retry.cap`.',
  },
  'retry.cap': {
    kind: 'duration',
    default: '1h',
    min: '1ms',
    max: '1d',
    text: 'The longest delay between two attempts. An event with a longer delay than 2 s waits in the stream RETRY, and takes no place among the events that the log delivers.',
  },
  'retry.max_age': {
    kind: 'duration',
    default: null,
    defaultText: 'unset: attempts alone count',
    min: '1s',
    max: '6d',
    text: 'How long after its first failure an event is tried, even if attempts are left. The last attempt is made at the end of this time. At most 6 days, because failures are recorded for 7.',
  },
  when_full: {
    kind: 'enum',
    default: 'aside',
    options: ['aside', 'hold'],
    text: 'What happens when the log runs short of room because this destination is away: its oldest events are moved to the stream ASIDE and delivered from there later (`aside`), or they stay, and the log refuses new events once it is full (`hold`).',
  },
  ack_wait: {
    kind: 'duration',
    default: '30s',
    min: '100ms',
    max: '1h',
    text: 'How long a worker may hold an event before the log delivers it to another. Make it longer than the slowest call to the destination, or events arrive twice. The events of a crashed worker wait this long.',
  },
} as const satisfies Record<string, Setting>;
