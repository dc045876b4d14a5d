import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { connectAdminPort } from './admin-client.ts';

test('a port that takes the request and never answers is named', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}));
  onTestFinished(() => void silent.close());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const client = connectAdminPort(SchemaRegistryService, { url, token: undefined, tls: undefined });
  const call = client.call((service) => service.listSchemas({}, { timeoutMs: 100 }));
  await expect(call).rejects.toThrow(
    `The admin port at ${url} has not answered in time. Does the gate run well, and is --admin right?`,
  );
});
