import http from 'node:http';
import http2 from 'node:http2';

import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';

/** connect-node, set up as in its documentation, without validating or storing. */
const routes = (router: ConnectRouter): void => {
  router.service(TrackService, {
    track: (request) => ({
      result: {
        idempotencyKey: request.event?.idempotencyKey ?? '',
        status: EventResult_Status.ACCEPTED,
      },
    }),
    batchTrack: (request) => ({
      results: request.events.map((event, index) => ({
        index,
        idempotencyKey: event.idempotencyKey,
        status: EventResult_Status.ACCEPTED,
      })),
    }),
  });
};

const [port, protocol] = process.argv.slice(2);
const handler = connectNodeAdapter({ routes });
const server = protocol === 'h2' ? http2.createServer(handler) : http.createServer(handler);
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
