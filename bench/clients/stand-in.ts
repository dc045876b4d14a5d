import http from 'node:http';
import { gunzipSync } from 'node:zlib';

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import {
  BatchTrackRequestSchema,
  BatchTrackResponseSchema,
} from '../../gen/headgate/v1/track_service_pb.ts';

/**
 * Answers like the servers of all four clients, and counts the events that arrive, each once. It is
 * its own process, so that it costs the clients only their requests. The message `away` makes it
 * end every connection; `back` makes it answer again.
 */
const arrived = new Set<number>();
let copies = 0;
let isAway = false;

function count(number: unknown): void {
  copies += 1;
  arrived.add(Number(number));
}

interface VendorBatch {
  readonly batch: readonly { readonly properties: { readonly number: number } }[];
}

function answer(path: string, body: Buffer): { type: string; bytes: string | Uint8Array } {
  if (!path.startsWith('/headgate.v1.')) {
    const { batch } = JSON.parse(body.toString()) as VendorBatch;
    for (const { properties } of batch) count(properties.number);
    return { type: 'application/json', bytes: '{"status":1,"success":true}' };
  }
  const { events } = fromBinary(BatchTrackRequestSchema, body);
  for (const { propertiesJson } of events) {
    count((JSON.parse(propertiesJson) as { number: number }).number);
  }
  const results = events.map(({ idempotencyKey }, index) => ({
    $typeName: 'headgate.v1.EventResult' as const,
    index,
    idempotencyKey,
    eventId: idempotencyKey,
    status: EventResult_Status.ACCEPTED,
    schemaVersion: 1,
    sequence: 1n,
    warnings: [],
  }));
  const response = create(BatchTrackResponseSchema, { results });
  return { type: 'application/proto', bytes: toBinary(BatchTrackResponseSchema, response) };
}

const server = http.createServer((request, response) => {
  if (isAway) {
    request.socket.destroy();
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const sent = Buffer.concat(chunks);
    if (request.method !== 'POST' || sent.length === 0) {
      response.end('{}');
      return;
    }
    const isCompressed = request.headers['content-encoding'] === 'gzip' || sent[0] === 0x1f;
    const { type, bytes } = answer(request.url!, isCompressed ? gunzipSync(sent) : sent);
    response.writeHead(200, { 'content-type': type }).end(bytes);
  });
});

process.on('message', (message) => {
  if (message === 'away' || message === 'back') {
    isAway = message === 'away';
    if (isAway) server.closeAllConnections();
  }
  if (message === 'count') process.send!({ arrived: arrived.size, copies });
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send!(server.address()));
