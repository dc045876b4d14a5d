/** Sends every example of GitHub's webhooks to a running gate. See README.md. */
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';

import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import { mapPayload } from './map-payload.ts';
import { readDeliveries } from './payloads.ts';
import { reportOf } from './report.ts';
import { isNoGate, sendEvents } from './send-events.ts';

const startCommand = 'HEADGATE_SCHEMAS_DIR=examples/github/schemas npm start';

/** Codes of a server that is not a gate, or that speaks another protocol. */
const notAGateCodes: ReadonlySet<Code> = new Set([Code.Unimplemented, Code.Internal, Code.Unknown]);

async function main(env: NodeJS.ProcessEnv): Promise<number> {
  const baseUrl = env['HEADGATE_URL'] || 'http://127.0.0.1:8080';
  const writeKey = env['HEADGATE_WRITE_KEY'];
  const transport = createGrpcTransport({
    baseUrl,
    interceptors: writeKey ? [withWriteKey(writeKey)] : [],
  });
  const events = readDeliveries().map(mapPayload);
  process.stdout.write(`sending ${events.length} events to ${baseUrl}\n\n`);
  try {
    const report = reportOf(await sendEvents(createClient(TrackService, transport), events));
    process.stdout.write(`${report.text}\n`);
    return report.isClean ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${explain(error, baseUrl)}\n`);
    return 1;
  }
}

function withWriteKey(writeKey: string): Interceptor {
  return (next) => (request) => {
    request.header.set('authorization', `Bearer ${writeKey}`);
    return next(request);
  };
}

function explain(error: unknown, baseUrl: string): string {
  if (isNoGate(error)) {
    return `No gate answers at ${baseUrl}: start one with these schemas with \`${startCommand}\`.`;
  }
  if (!(error instanceof ConnectError)) return String(error);
  if (notAGateCodes.has(error.code)) {
    const what = `The server at ${baseUrl} is not a gate (${error.message})`;
    return `${what}: start one with \`${startCommand}\`.`;
  }
  return `The gate at ${baseUrl} refused the request: ${error.message}`;
}

process.exitCode = await main(process.env);
