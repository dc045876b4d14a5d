import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';

import { AuditService } from '../../gen/headgate/v1/audit_service_pb.ts';
import { formatAddress } from '../../src/config/address.ts';
import { createSecret } from '../../src/config/secret.ts';
import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createSignals } from '../../src/observability/signals.ts';
import { openAdmin, type AdminListener } from '../../src/operators/admin.ts';
import { adminToken, withAdminToken } from '../admin-token.ts';

/** A port with one RPC, which lasts until `finish` is called. */
async function openSlow(): Promise<{
  readonly admin: AdminListener;
  readonly began: Promise<void>;
  readonly finish: () => void;
}> {
  const config = readConfig({
    env: { HEADGATE_ADMIN_LISTEN: '127.0.0.1:0' },
    readFile: () => '',
    destinationTypes,
    configFile: undefined,
  });
  const begun = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const metrics = createMetrics({ sources: [], eventNames: [], destinations: [] });
  const admin = await openAdmin({
    config,
    tokens: { admin: createSecret(adminToken), metrics: undefined },
    signals: createSignals(metrics, createLogger('error')),
    notice: () => '',
    probe: async () => {},
    metricsPage: { contentType: 'text/plain', render: async function* () {} },
    audit: (next) => next,
    recordSession: async () => {},
    routes: (router) => {
      router.service(AuditService, {
        listAudit: async () => {
          begun.resolve();
          await finished.promise;
          return { nextPageToken: 'whole' };
        },
      });
    },
  });
  return { admin, began: begun.promise, finish: finished.resolve };
}

const transports = {
  Connect: (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors: [withAdminToken] }),
  gRPC: (baseUrl: string) => createGrpcTransport({ baseUrl, interceptors: [withAdminToken] }),
};

test.for(Object.entries(transports))(
  'by %s: an RPC that a closing port does not wait for is told why it ends',
  async ([, transportTo]) => {
    const { admin, began } = await openSlow();
    const client = createClient(
      AuditService,
      transportTo(`http://${formatAddress(admin.address)}`),
    );
    const answer = client.listAudit({}).catch((error: unknown) => error);
    await began;
    const closed = admin.close(50);
    const error = (await answer) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toBe(
      'The gate was stopped before this was done; a part of it may be done. The gate is shutting down and accepts no new ' +
        'requests. Send it again: another gate, or this one after its restart, accepts it.',
    );
    await closed;
  },
);

test.for(Object.entries(transports))(
  'by %s: an RPC that ends in time is answered',
  async ([, transportTo]) => {
    const { admin, began, finish } = await openSlow();
    const client = createClient(
      AuditService,
      transportTo(`http://${formatAddress(admin.address)}`),
    );
    const answer = client.listAudit({});
    await began;
    const closed = admin.close(60_000);
    finish();
    expect((await answer).nextPageToken).toBe('whole');
    await closed;
  },
);
