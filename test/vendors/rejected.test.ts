import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { EventResult_Status as Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { schemasWith } from '../endpoints/schemas-folder.ts';
import { withAdminToken } from '../admin-token.ts';

/** The tools for rejected events, with events in a vendor's format. */
describe('a rejected call of Segment', () => {
  let gate: OpenGate;
  const schema = {
    type: 'object',
    required: ['total'],
    properties: { total: { type: 'number' }, email: { type: 'string', 'x-pii': 'mask' } },
  };
  const schemas = schemasWith({ order_paid: { entry: 'active: 1', versions: [schema] } });

  beforeAll(async () => {
    gate = await openGate({ env: { HEADGATE_SCHEMAS_DIR: schemas.folder } });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    schemas[Symbol.dispose]();
  });

  const send = async (properties: string): Promise<number> => {
    const call = `{"type":"track","event":"Order Paid","userId":"u1","messageId":"m1","properties":${properties}}`;
    const answer = await fetch(`${gate.url}/v1/segment/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: call,
    });
    return answer.status;
  };

  test('is kept redacted, can be fixed, and is stored once', async () => {
    expect(await send('{"total":"12345678901234567890","email":"ann@example.com"}')).toBe(422);
    const [kept] = await gate.rejected();
    expect(kept!.header('Headgate-Door')).toBe('segment');
    expect(kept!.bytes.toString()).not.toContain('ann@');
    const rejected = createClient(
      RejectedService,
      createConnectTransport({
        baseUrl: gate.real.adminUrl,
        httpVersion: '1.1',
        interceptors: [withAdminToken],
      }),
    );
    const { results } = await rejected.replayRejected({
      sequence: BigInt(kept!.sequence),
      edits: [{ path: '/properties/total', valueJson: '12345678901234567890' }],
    });
    expect(results.map(({ status }) => status)).toEqual([Status.ACCEPTED]);
    const [stored] = await gate.events();
    const text = stored!.bytes.toString();
    expect(text).toContain('"total":12345678901234567890');
    expect(JSON.parse(text)).toMatchObject({
      eventName: 'order_paid',
      userId: 'u1',
      context: { segment: { event: 'Order Paid', messageId: 'm1' } },
    });
    // The SDK's later, corrected retry has the same id, so it has the same key.
    expect(await send('{"total":12345678901234567890}')).toBe(200);
    expect(await gate.events()).toHaveLength(1);
  });
});
