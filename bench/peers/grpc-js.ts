import { fileURLToPath } from 'node:url';

import * as grpc from '@grpc/grpc-js';
import * as protoLoader from '@grpc/proto-loader';

/** @grpc/grpc-js, set up as in its documentation, without validating or storing. */
const definition = protoLoader.loadSync('headgate/v1/track_service.proto', {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  keepCase: true,
  defaults: true,
});
const root = grpc.loadPackageDefinition(definition) as unknown as {
  headgate: { v1: { TrackService: grpc.ServiceClientConstructor } };
};

type Call = grpc.ServerUnaryCall<{ event: { idempotency_key: string } }, unknown>;

const server = new grpc.Server();
server.addService(root.headgate.v1.TrackService.service, {
  Track: (call: Call, callback: grpc.sendUnaryData<unknown>) =>
    callback(null, { result: { idempotency_key: call.request.event.idempotency_key, status: 1 } }),
  BatchTrack: (_call: unknown, callback: grpc.sendUnaryData<unknown>) =>
    callback(null, { results: [] }),
});
server.bindAsync(`127.0.0.1:${process.argv[2]}`, grpc.ServerCredentials.createInsecure(), () =>
  console.log('ready'),
);
