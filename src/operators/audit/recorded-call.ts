import { randomUUID } from 'node:crypto';

import type { Message } from '@bufbuild/protobuf';
import type { StreamRequest, UnaryRequest } from '@connectrpc/connect';

import type { AuditLog } from '../../audit/audit-log.ts';
import {
  boundedEvents,
  cutText,
  type AuditedRequest,
  type AuditedResult,
} from '../../audit/audit-part.ts';
import type { Signals } from '../../observability/signals.ts';
import { operatorOf } from '../access/operator.ts';
import type { AuditedRpc, EventLookups, RecordedAnswer, RecordedTarget } from './audited-rpc.ts';
import { createPageLinks, type LinkedEntry } from './page-links.ts';

export type OperatorsRequest = UnaryRequest | StreamRequest;

export interface RecorderOptions {
  readonly audit: AuditLog;
  readonly lookups: EventLookups;
  readonly signals: Pick<Signals, 'auditWritten' | 'auditFailed'>;
}

/** A call of an RPC that is recorded. */
export interface RecordedCall {
  /** Records the intent: before an act, or before a stream. Throws if it cannot be recorded. */
  begin(): Promise<void>;
  /**
   * Records the outcome. After `begin` it never throws. Without, it records the whole view, and throws
   * if it cannot be recorded and something would be shown.
   */
  end(outcome: string, answer: RecordedAnswer, nextPageToken?: string): Promise<void>;
  /** The `next_page_token` that leads to the same entry. */
  linkPage(nextPageToken: string): string;
}

/** Opens a call. It takes the link to an earlier page off the `page_token` of the message. */
export type OpenCall = (
  rpc: AuditedRpc,
  request: OperatorsRequest,
  message: Message & { pageToken?: string },
) => Promise<RecordedCall>;

export function createRecorder(options: RecorderOptions): OpenCall {
  const { audit, lookups, signals } = options;
  const links = createPageLinks();
  return async (rpc, request, message) => {
    const { kind, method } = rpc;
    const action = method.name;
    const { name: operator, role, address } = operatorOf(request);
    const linked = { operator, input: method.input, message };
    const { pageToken, entry } = links.read(message.pageToken ?? '', linked);
    if (message.pageToken !== undefined) message.pageToken = pageToken;
    if (entry !== undefined && kind === 'view') return knownView(links.write, linked, entry);

    const id = entry?.id ?? randomUUID();
    const page = entry?.page ?? 1;
    const about = await aboutOf(rpc, message, lookups);
    const correlationId = request.header.get('x-correlation-id') ?? '';
    const opening = { id, action, kind, operator, role, address, ...about, correlationId };
    /** The position of the first part. */
    let first = entry?.first;
    let hasBegun = false;

    const begin = async (): Promise<void> => {
      const position = await audit.begin(
        action,
        first === undefined
          ? { part: 'intent', page: 1, ...opening }
          : { part: 'intent', id, page, first },
      );
      first ??= position;
      hasBegun = true;
      if (page === 1) signals.auditWritten(action);
    };
    const end: RecordedCall['end'] = async (outcome, answer, nextPageToken = '') => {
      // Nothing is shown, and the log could not be read: writing would only wait for it again.
      if (!hasBegun && outcome === 'log_unavailable') return;
      const result = resultOf(outcome, answer, about, nextPageToken !== '');
      try {
        if (hasBegun) await audit.end(action, { part: 'outcome', id, first: first!, ...result });
        else {
          first = await audit.begin(action, {
            part: 'whole',
            ...result,
            ...opening,
            target: { ...opening.target, ...result.target },
          });
          signals.auditWritten(action);
        }
      } catch (error) {
        // What is done is done: its entry says that the outcome is unknown.
        signals.auditFailed(action, correlationId, error, operator);
        if (!hasBegun && outcome === 'ok') throw error;
      }
    };
    return {
      begin: () =>
        begin().catch((error: unknown) => {
          signals.auditFailed(action, correlationId, error, operator);
          throw error;
        }),
      end,
      linkPage: (token) => links.write(token, linked, { id, first: first!, page: page + 1 }),
    };
  };
}

/** A later page of a list: the entry of the first page stands for it. */
function knownView(
  write: ReturnType<typeof createPageLinks>['write'],
  linked: Parameters<typeof write>[1],
  entry: LinkedEntry,
): RecordedCall {
  return {
    begin: async () => {},
    end: async () => {},
    linkPage: (token) => write(token, linked, { ...entry, page: entry.page + 1 }),
  };
}

async function aboutOf(
  rpc: AuditedRpc,
  message: Message,
  lookups: EventLookups,
): Promise<AuditedRequest> {
  const { target = {}, events = [], dryRun = false, why = '' } = rpc.request(message);
  // An event that does not exist, or cannot be read, has no other ids.
  const more = await rpc.lookUp(message, lookups)?.catch(() => ({}));
  const [named, ...others] = events;
  return {
    target: boundedTarget(target),
    events: boundedEvents(named === undefined ? [] : [{ ...named, ...more }, ...others]),
    eventCount: events.length,
    dryRun,
    why: why.slice(0, whyCharactersMax),
  };
}

function boundedTarget(target: RecordedTarget): Record<string, string> {
  const texts = Object.entries(target).map(([name, value]) => [name, cutText(String(value))]);
  return Object.fromEntries(texts.filter(([, text]) => text !== '')) as Record<string, string>;
}

/** Longer reasons are refused: request-fields.ts. */
const whyCharactersMax = 2_000;

function resultOf(
  outcome: string,
  { target = {}, counts = {}, events = [] }: RecordedAnswer,
  about: AuditedRequest,
  more: boolean,
): AuditedResult {
  const found = about.eventCount > 0 ? [] : events;
  return {
    outcome,
    target: boundedTarget(target),
    counts,
    events: boundedEvents(found),
    eventCount: found.length,
    more,
  };
}
