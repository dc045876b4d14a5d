import { createHash } from 'node:crypto';

import type { JsonObject } from '../event/json/json.ts';
import { inOnePiece } from '../event/json/one-piece.ts';
import type { OwnClock } from '../event/time/event-time.ts';
import type { VendorCall } from '../event/vendor-call.ts';
import type { EventError } from '../event/verdict.ts';
import { messageIdHeader, type Log } from './log.ts';
import { headerBlock } from './publish/raw-publish.ts';
import { readMessage } from './read/read.ts';
import { createRejectedRoom } from './rejected/room.ts';
import { sizeClassOf } from './rejected/size-class.ts';
import { subjects, unplannedName } from './topology.ts';

/** The functions of the log that the gate needs: gate/accept/accept-events.ts. */
export interface EventStore {
  /** The header lines that all events of a request share. */
  arrivalHeaders(arrival: {
    readonly correlationId: string;
    readonly traceparent: string;
    readonly tracestate: string;
    readonly door: string;
    /** Through which gate the events came, and when it took them. */
    readonly relayed?: { readonly relay: string; readonly takenAt: string };
  }): string;
  store(
    event: {
      readonly source: string;
      readonly eventName: string;
      readonly messageId: string;
      /** From `arrivalHeaders`: the same for all events of a request. */
      readonly arrivalHeaders: string;
      readonly payload: string;
      /** Of its UTF-8. Undefined: not known yet. */
      readonly payloadBytes?: number | undefined;
    },
    callback: (
      ack: { sequence: number; duplicate: boolean } | undefined,
      failure: { readonly publicText: string; readonly mayBeStored: boolean } | undefined,
    ) => void,
  ): void;
  reject(
    event: {
      readonly source: string;
      readonly eventName: string;
      readonly idempotencyKey: string;
      readonly receivedAtMs: number;
      readonly arrival: {
        readonly correlationId: string;
        readonly traceparent: string;
        readonly door: string;
        readonly contentType: string;
        readonly deliveryId?: string;
      };
      readonly error: EventError;
      readonly original: Uint8Array;
      readonly batchContext: JsonObject | undefined;
      readonly sentAt: string;
      readonly historical: boolean;
      readonly vendorCall: VendorCall | undefined;
      readonly clock: OwnClock | undefined;
      readonly redacted: boolean;
      readonly quarantined: boolean;
    },
    callback: (failure: string | undefined) => void,
  ): void;
  /** The text of an event; undefined if it is not in the log any more. */
  readStored(sequence: number): Promise<string | undefined>;
}

/** The room for the headers of a rejected event. An error with twenty violations is about 6 KB. */
const headersBytesMax = 64 * 1024;
const contextBytesMax = 40 * 1024;
const vendorCallBytesMax = 8 * 1024;
const excerptCharactersMax = 128;

/** Through which gate an event came, and when that took it. Absent: through no other. */
export const relayHeader = 'Headgate-Relay';
export const takenAtHeader = 'Headgate-Taken-At';

const decoder = new TextDecoder();

export function createEventStore(log: Log, isPlanned: (eventName: string) => boolean): EventStore {
  const room = createRejectedRoom(log);
  const subjectOf = createSubjectOf();
  return {
    // gate/exchange.ts and gate/relay/ have checked that these values are ASCII without line breaks.
    arrivalHeaders: ({ correlationId, traceparent, tracestate, door, relayed }) =>
      inOnePiece(
        `Headgate-Correlation-Id: ${correlationId}\r\nHeadgate-Door: ${door}\r\n` +
          (relayed === undefined
            ? ''
            : `${relayHeader}: ${relayed.relay}\r\n${takenAtHeader}: ${relayed.takenAt}\r\n`) +
          (traceparent === '' ? '' : `traceparent: ${traceparent}\r\n`) +
          (tracestate === '' ? '' : `tracestate: ${tracestate}\r\n`),
      ),
    store: (event, callback) => {
      log.publish(
        'EVENTS',
        subjectOf(event.source, event.eventName),
        // The id is a source and a UUID, so it needs no check here.
        `NATS/1.0\r\nNats-Msg-Id: ${event.messageId}\r\n${event.arrivalHeaders}\r\n`,
        event.payload,
        callback,
        event.payloadBytes,
      );
    },
    reject: (event, callback) => {
      const name = isPlanned(event.eventName) ? event.eventName : unplannedName;
      const bytesMax = log.messageBytesMax() - headersBytesMax;
      const { original, arrival } = event;
      const headers: Record<string, string> = {
        'Headgate-Error-Code': event.error.code,
        'Headgate-Error': headerText(JSON.stringify(event.error)),
        'Headgate-Event-Name': headerExcerpt(event.eventName),
        'Headgate-Idempotency-Key': headerExcerpt(event.idempotencyKey),
        'Headgate-Received-At': new Date(event.receivedAtMs).toISOString(),
        'Headgate-Door': arrival.door,
        'Headgate-Content-Type': arrival.contentType,
        'Headgate-Correlation-Id': arrival.correlationId,
      };
      if (arrival.deliveryId !== undefined) {
        const [delivery, content] = [arrival.deliveryId, original].map(digestOf);
        headers[messageIdHeader] = `${event.source}:${delivery}:${content}`;
      }
      if (event.redacted) headers['Headgate-Redacted'] = 'true';
      if (arrival.traceparent !== '') headers['traceparent'] = arrival.traceparent;
      if (event.sentAt !== '') headers['Headgate-Sent-At'] = event.sentAt;
      if (event.historical) headers['Headgate-Historical'] = 'true';
      if (event.clock !== undefined) headers['Headgate-Own-Clock'] = JSON.stringify(event.clock);
      if (event.vendorCall !== undefined) addVendorCall(headers, event.vendorCall);
      if (event.batchContext !== undefined) addContext(headers, event.batchContext);
      // An event is cut only on an external server with a small max_payload. A header records that.
      const fits = original.length <= bytesMax;
      if (!fits) headers['Headgate-Original-Bytes'] = String(original.length);
      const kind = event.quarantined ? 'quarantined' : 'refused';
      const block = headerBlock(headers);
      const payload = fits ? original : original.subarray(0, bytesMax);
      const sizeClass = sizeClassOf(block.length + payload.length);
      const subject = subjects.rejectedAs(event.source, name, kind, sizeClass);
      room.enter(event.source, kind, sizeClass, (full) => {
        if (full !== undefined) callback(full);
        else {
          log.publish('REJECTED', subject, block, payload, (_ack, error) =>
            callback(error?.code === 'stream_full' ? room.fullText() : error?.publicText),
          );
        }
      });
    },
    readStored: async (sequence) => {
      const message = await readMessage(log, 'EVENTS', sequence);
      return message === undefined ? undefined : decoder.decode(message.payload);
    },
  };
}

/** The subject of an event, which is often that of the one before it. */
function createSubjectOf(): (source: string, eventName: string) => string {
  let lastSource = '';
  let lastName = '';
  let subject = '';
  return (source, eventName) => {
    if (subject === '' || eventName !== lastName || source !== lastSource) {
      lastSource = source;
      lastName = eventName;
      subject = subjects.event(source, eventName, 0);
    }
    return subject;
  };
}

/** Adds the context of the batch, which is not part of the event's own bytes. */
function addContext(headers: Record<string, string>, context: JsonObject): void {
  const text = headerText(JSON.stringify(context));
  if (text.length <= contextBytesMax) headers['Headgate-Batch-Context'] = text;
  else headers['Headgate-Batch-Context-Bytes'] = String(text.length);
}

/** Not part of the event's own bytes, which are in the contract's names. */
function addVendorCall(headers: Record<string, string>, call: VendorCall): void {
  const text = headerText(JSON.stringify(call));
  if (text.length <= vendorCallBytesMax) headers['Headgate-Vendor-Call'] = text;
}

/** A name or key of a rejected event, cut and escaped for its header. It may be any text. */
export function headerExcerpt(text: string): string {
  return headerText(text.slice(0, excerptCharactersMax));
}

/** A header value is one line of ASCII. The escapes are those of JSON, so that JSON stays valid. */
function headerText(text: string): string {
  return text.replaceAll(
    /[^\u0020-\u007e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url');
}
