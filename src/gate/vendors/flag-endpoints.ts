import { ServiceError } from '../../errors.ts';
import { isJsonObject, type JsonValue } from '../../event/json/json.ts';
import { otherLabel } from '../../observability/metrics.ts';
import { refuseWithProblem } from '../answer/problem.ts';
import { textOf } from '../decode/decode-json.ts';
import { parseJson } from '../decode/parse-body.ts';
import type { Endpoint, EndpointCall } from '../endpoint.ts';
import { checkContentType, reply, type Exchange } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import { answerInTurn } from '../refuse-in-turn.ts';
import { serveUnary, type RunRequest } from '../serve-request.ts';

/*
 * What the SDKs of PostHog and Mixpanel ask besides sending events: feature flags, of which the gate
 * has none. Without an answer that they understand, they log errors or throw them into the program.
 * The answers store nothing, and say that no flag was evaluated.
 */

const json = 'application/json';

const detail = 'Headgate has no feature flags.';

/**
 * By path, what a GET is answered. It needs no key, as 404 would not: PostHog's SDKs send a key of
 * another kind with it.
 */
const answersToGet: ReadonlyMap<string, object> = new Map<string, object>([
  // PostHog's definitions for local evaluation, and Mixpanel's: both look for a list.
  ['/flags/definitions', { flags: [], group_type_mapping: {}, cohorts: {}, detail }],
  [
    '/api/feature_flag/local_evaluation/',
    { flags: [], group_type_mapping: {}, cohorts: {}, detail },
  ],
  // Mixpanel's remote evaluation, which looks for an object.
  ['/flags/', { code: 200, flags: {}, detail }],
  ['/decide/', { notifications: [], surveys: [], config: {}, detail }],
]);

/** Paths at which PostHog's SDKs have flags evaluated, by POST. */
const evaluated: ReadonlySet<string> = new Set(['/flags/', '/decide/']);

export const flagPaths: ReadonlySet<string> = new Set([...answersToGet.keys(), ...evaluated]);

/** PostHog's form, old and new: with `errorsWhileComputingFlags` an SDK keeps the values it has. */
const noFlags = JSON.stringify({
  flags: {},
  featureFlags: {},
  featureFlagPayloads: {},
  errorsWhileComputingFlags: true,
  detail,
});

const places = [['api_key'], ['token']] as const;

/** Reads the write key of a request, so that a wrong one is reported here too. */
const flagsEndpoint: Endpoint<string, undefined> = {
  keyInBody: { places },
  begin: (exchange) => checkContentType(exchange, [json]),
  unpack: unpackBody,
  decode: (_call, message) => keyIn(parseJson(textOf(message))),
  answer: (exchange) => {
    reply(exchange, 200, { 'content-type': json }, noFlags);
    return 0;
  },
  refuse: refuseWithProblem,
};

function keyIn(value: JsonValue): string {
  if (!isJsonObject(value)) {
    throw new ServiceError('malformed_request', 'The body must be a JSON object.');
  }
  const found = places.map(([name]) => value[name]).find((key) => typeof key === 'string');
  return (found as string | undefined) ?? '';
}

const answerFlags: RunRequest<string, undefined> = (context, writeKey, caller, succeed) => {
  if (caller.producer === undefined) context.authenticate({ 'x-write-key': writeKey });
  succeed(undefined);
};

const call: EndpointCall = { rpc: otherLabel, door: 'posthog', codec: 'json', contentType: json };

/** The methods of one of `flagPaths`. */
export function flagMethods(path: string): readonly string[] {
  return evaluated.has(path) ? ['GET', 'POST'] : ['GET'];
}

/** Serves a request with one of `flagMethods`. */
export function serveFlags(context: GateContext, exchange: Exchange, path: string): void {
  if (exchange.call.method === 'POST') {
    serveUnary(context, exchange, flagsEndpoint, call, answerFlags);
  } else {
    const text = JSON.stringify(answersToGet.get(path));
    answerInTurn(context, exchange, () => reply(exchange, 200, { 'content-type': json }, text));
  }
}
