import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describeDestination, type FarSide } from 'headgate/destination-conformance';
import { destinationTypes } from 'headgate/destination-types';

const path = fileURLToPath(new URL('put-events.ts', import.meta.url));
const bytesMax = 64 * 1024;

/** An object store: a second PUT replaces the object. */
class ObjectStore implements FarSide {
  readonly settings: FarSide['settings'];
  readonly objects = new Map<string, string>();
  readonly port: number;
  /** Replaces the normal answer if it is set. */
  private answer: ((response: ServerResponse) => void) | undefined;
  private stores = true;
  private server;

  private constructor(server: ReturnType<typeof createServer>) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    const url = `http://127.0.0.1:${this.port}/events`;
    // The settings of a `type: module` destination in headgate.yaml: its path and options.
    this.settings = { path, 'options.url': url, 'options.timeout_ms': 1000 };
  }

  static async open(): Promise<ObjectStore> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const store = new ObjectStore(server);
    store.serve();
    return store;
  }

  private serve(): void {
    this.server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const isRefused = body.includes('"eventName":"order_refused"');
        const status = body.length > bytesMax ? 413 : isRefused ? 422 : 204;
        if (this.stores && status === 204) this.objects.set(request.url!.split('/').at(-1)!, body);
        if (this.answer === undefined) response.writeHead(status).end();
        else this.answer(response);
      });
    });
  }

  counted(): string[] {
    return [...this.objects.keys()];
  }

  async goDown(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async comeUp(): Promise<void> {
    this.server = createServer();
    this.serve();
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
  }

  stall(): void {
    this.stores = false;
    this.answer = () => undefined;
  }

  takeSilently(): void {
    this.answer = () => undefined;
  }

  throttle(seconds: number): void {
    this.stores = false;
    this.answer = (response) => response.writeHead(429, { 'retry-after': String(seconds) }).end();
  }

  unstall(): void {
    this.stores = true;
    this.answer = undefined;
  }

  readonly oversize = {
    propertyBytes: bytesMax,
    outcome: { kind: 'dead', status: '413' },
  } as const;

  readonly refused = {
    overrides: { eventName: 'order_refused' },
    outcome: { kind: 'retry', fault: 'event', status: '422' },
  } as const;

  close(): Promise<void> {
    return this.goDown();
  }
}

const moduleType = destinationTypes.find(({ type }) => type === 'module')!;
describeDestination({ ...moduleType, type: 'module put-events.ts' }, () => ObjectStore.open(), [
  'partial_failure',
  'lost_answer',
  'retry_after',
]);
