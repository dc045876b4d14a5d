import { StartError } from '../../errors.ts';
import { isJsonObject } from '../../event/json/json.ts';
import type { RequestOutcome } from '../batch-requests.ts';
import {
  delivered,
  type Destination,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { excerpt, type HttpAnswer } from '../http-client/answers.ts';
import { mixpanelMessageOf, type MixpanelKind } from './mixpanel-message.ts';
import {
  basicAuthorization,
  createVendorDestination,
  refused,
  type VendorMessage,
  type VendorRequest,
} from '../vendors/vendor.ts';

/** Mixpanel accepts events of up to 1 MB. */
const eventBytesMax = 1_000_000;

/** Its documentation says 10 MB, and 2 MB in the description of the error. */
const requestBytesMax = 1_900_000;

/** Mixpanel accepts 2,000 events. */
const requestEventsMax = 1000;

/** Updates of persons and groups: what Mixpanel has always accepted. */
const updatesMax = 50;

/**
 * Forwards events to Mixpanel in batches (`POST /import?strict=1`).
 *
 * Mixpanel counts copies with the same event, time, distinct_id and $insert_id as one. All four are
 * the same on every attempt. Mixpanel reports the events that it refuses, and accepts the others.
 */
export function createMixpanelDestination(
  name: string,
  settings: DestinationSettings,
): Destination {
  const { authorization, secrets, query, token } = readAccount(name, settings);
  const around = ['[', ']'] as const;
  const requests: Readonly<Record<MixpanelKind, VendorRequest>> = {
    event: { path: `/import?strict=1${query}`, around, validate: validateRecords },
    alias: { path: '/track?verbose=1', around, eventsMax: updatesMax, validate: validateUpdates },
    person: { path: '/engage?verbose=1', around, eventsMax: updatesMax, validate: validateUpdates },
    group: { path: '/groups?verbose=1', around, eventsMax: updatesMax, validate: validateUpdates },
  };
  return createVendorDestination(name, settings, {
    headers: { authorization: `Basic ${authorization}` },
    keySetting: 'secret',
    secrets,
    eventBytesMax,
    requestBytesMax,
    requestEventsMax,
    waitHeaders: ['retry-after'],
    translate: (event, time) => {
      const { kind, body, id } = mixpanelMessageOf(event, time, token);
      return { to: requests[kind], body, id };
    },
  });
}

function readAccount(name: string, settings: DestinationSettings) {
  const secret = String(settings['secret']);
  const account = settings['service_account'] ?? null;
  const projectId = settings['project_id'] ?? null;
  if (account !== null && projectId === null) {
    throw new StartError(
      `destinations.${name}.project_id: a service account has many projects; say which one`,
    );
  }
  const authorization =
    account === null ? basicAuthorization(secret, '') : basicAuthorization(String(account), secret);
  const query = projectId === null ? '' : `&project_id=${encodeURIComponent(String(projectId))}`;
  const given = settings['token'] ?? (account === null ? secret : null);
  const token = given === null ? undefined : String(given);
  const secrets = [secret, authorization, ...(token === undefined ? [] : [token])];
  return { authorization, secrets, query, token };
}

/**
 * The endpoints of updates answer 200 also where they refuse, with `status` 0. Which one was wrong they do
 * not say: the request is split.
 */
function validateUpdates({ status, text }: HttpAnswer): RequestOutcome | undefined {
  if (status !== 200) return undefined;
  const answer = readAnswer(text);
  if (answer === undefined || answer['status'] !== 0) return undefined;
  return refused(`answered 200, but refused: ${excerpt(String(answer['error']))}`, '200');
}

function readAnswer(text: string): Record<string, unknown> | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return isJsonObject(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A 400 that names each refused event; the others were accepted. If it cannot be read, or names an
 * event that was not sent, only the status counts, and the request is split.
 */
function validateRecords(
  { status, text }: HttpAnswer,
  messages: readonly VendorMessage[],
): RequestOutcome | undefined {
  if (status !== 400) return undefined;
  const records = readFailedRecords(text);
  if (records === undefined || records.length === 0) return undefined;
  const outcomes = messages.map((): Outcome => delivered);
  for (const record of records) {
    const index = placeOf(record, messages);
    if (index === undefined) return undefined;
    const said = `${record['field']}: ${record['message']}`;
    outcomes[index] = refused(`answered 400: ${excerpt(said)}`);
  }
  return outcomes;
}

function readFailedRecords(text: string): Record<string, unknown>[] | undefined {
  const records = readAnswer(text)?.['failed_records'];
  return Array.isArray(records) && records.every(isJsonObject) ? records : undefined;
}

/** Finds the event by its index, if the id there agrees, otherwise by its id. */
function placeOf(
  record: Record<string, unknown>,
  messages: readonly VendorMessage[],
): number | undefined {
  const id = record['$insert_id'] ?? record['insert_id'];
  const index = record['index'];
  const isPlace = typeof index === 'number' && messages[index] !== undefined;
  if (isPlace && (typeof id !== 'string' || id === '' || id === messages[index]?.sentId)) {
    return index;
  }
  const found = messages.findIndex(({ sentId }) => sentId === id);
  return found === -1 ? undefined : found;
}
