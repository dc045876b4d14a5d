import { afterAll, beforeAll, describe, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { wireEndpoints } from '../endpoints/wire-endpoints.ts';
import { send } from '../endpoints/wire.ts';
import { connectRules } from './connect-rules.ts';
import { grpcRules, grpcWebRules } from './grpc-rules.ts';

/*
 * The rules of Connect, gRPC and gRPC-Web for unary calls, each with its source, at every endpoint of the
 * protocol. test/differential checks that our endpoints and connect-node agree; this checks that both
 * follow the protocol.
 */

const key = 'hg_protocol';
const rows = [...connectRules, ...grpcRules, ...grpcWebRules].flatMap((rule) =>
  wireEndpoints
    .filter((door) => door.family === rule.family && (rule.doors?.(door) ?? true))
    .map((door) => ({ rule, door, name: `${door.name}: ${rule.says} (${rule.source})` })),
);

describe('the protocols, by rule', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({
      env: { HEADGATE_AUTH: 'keys' },
      yaml: `keys:\n  - { source: checkout, hash: "${hashWriteKey(key)}", events: ["*"] }\n`,
    });
  });

  afterAll(async () => {
    await gate?.[Symbol.asyncDispose]();
  });

  // Not test.each, which truncates names.
  for (const { rule, door, name } of rows)
    test(`${name}`, async () => {
      const {
        method = 'POST',
        path = door.path,
        version = door.version,
        headers,
        body,
        parts = 1,
      } = rule.sent(door);
      const answer = await send({
        port: gate.port,
        version,
        method,
        path,
        headers: { 'content-type': door.contentType, authorization: `Bearer ${key}`, ...headers },
        // Node ends a GET automatically.
        ...(method !== 'GET' && { body, parts }),
      });
      rule.back(answer, door);
    });
});
