import { eventNameOf, sourceOf } from '../../../event/delivery-attempt.ts';
import { partitionOf } from '../../events/event-position.ts';
import { relayHeader, takenAtHeader } from '../../event-store.ts';
import { messageIdHeader, type Log } from '../../log.ts';
import { storeCopy } from '../copies/store-copy.ts';
import type { StoredMessage } from '../../read/read.ts';
import { subjects } from '../../topology.ts';
import { CopiedMessage, keptHeaders, originHeader } from '../delayed-copies.ts';
import type { PulledMessage } from '../pulling/pulled-message.ts';

/** An event of EVENTS that leaves it for ASIDE. */
export interface AsideCopy {
  readonly destination: string;
  /** As it was pulled from EVENTS. */
  readonly message: PulledMessage;
  /** The number of deliveries that count as attempts so far. */
  readonly deliveries: number;
  /** The number of attempts that were not charged. */
  readonly tries: number;
}

/** One header for all, because each copy has it: time of storage in ms, deliveries, tries. */
const factsHeader = 'Headgate-Aside';

/**
 * Stores a copy of an event in ASIDE. The caller settles the original after that: a crash in between
 * leaves both, and when the original is moved again, its message id is known. Rejects with a
 * PublishError.
 */
export async function storeAsideCopy(log: Log, copy: AsideCopy): Promise<void> {
  const { destination, message, deliveries, tries } = copy;
  const { sequence: position, subject } = message;
  const headers: Record<string, string> = {
    [messageIdHeader]: `${destination}:${position}`,
    [factsHeader]: `${Math.floor(message.storedAtMs)} ${deliveries} ${tries}`,
  };
  for (const name of [...keptHeaders, 'Headgate-Door', relayHeader, takenAtHeader]) {
    const value = message.header(name);
    if (value !== '') headers[name] = value;
  }
  headers[originHeader] = String(position);
  const to = subjects.aside(destination, position, sourceOf(subject), eventNameOf(subject));
  await storeCopy(log, 'ASIDE', to, headers, message.payload);
}

/** The position in EVENTS of a message of ASIDE. */
export function originOfAsideCopy(message: { header(name: string): string }): number {
  return Number(message.header(originHeader));
}

interface Original {
  readonly sequence: number;
  readonly subject: string;
  readonly storedAtMs: number;
  readonly deliveries: number;
  readonly tries: number;
}

function originalOf(message: Pick<StoredMessage, 'subject' | 'header'>): Original {
  const facts = message.header(factsHeader).split(' ').map(Number);
  const [storedAtMs = 0, deliveries = 0, tries = 0] = facts;
  const sequence = originOfAsideCopy(message);
  const { subject: copied } = message;
  const subject = subjects.event(sourceOf(copied), eventNameOf(copied), partitionOf(sequence));
  return { sequence, subject, storedAtMs, deliveries, tries };
}

/** The event as EVENTS held it, without the headers that no copy keeps. */
export function originalOfAsideCopy(message: StoredMessage): StoredMessage {
  const { sequence, subject, storedAtMs } = originalOf(message);
  const header = (name: string): string => message.header(name);
  return { sequence, subject, storedAtMs, payload: message.payload, header };
}

/** Presents a message of ASIDE as the event: with its position, subject and time in EVENTS. */
export class AsideMessage extends CopiedMessage {
  readonly stream = 'EVENTS';
  readonly subject: string;
  readonly sequence: number;
  readonly deliveries: number;
  readonly tries: number;
  readonly storedAtMs: number;

  constructor(message: PulledMessage) {
    super(message);
    const original = originalOf(message);
    this.sequence = original.sequence;
    this.subject = original.subject;
    this.storedAtMs = original.storedAtMs;
    this.deliveries = original.deliveries + message.deliveries;
    this.tries = original.tries;
  }
}
