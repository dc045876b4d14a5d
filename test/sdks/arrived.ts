import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { withAdminToken } from '../admin-token.ts';

/** An event of a source, as the admin port returns it. */
export interface Arrived {
  readonly eventName: string;
  /** Undefined: it was stored. */
  readonly code: string | undefined;
  /** As JSON: for a rejected event as kept and as sent. */
  readonly text: string;
}

/** Reads all events of a source from the log and from the quarantine. `names`: the taxonomy's. */
export function createReader(adminUrl: string, names: readonly string[]) {
  const transport = createConnectTransport({
    baseUrl: adminUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  const log = createClient(EventLogService, transport);
  const quarantine = createClient(RejectedService, transport);
  return async (source: string): Promise<Arrived[]> => {
    const arrived: Arrived[] = [];
    for (const eventName of names) {
      let pageToken = '';
      do {
        const page = await log.readEvents({ eventName, source, pageToken });
        for (const { storedJson } of page.events) {
          arrived.push({ eventName, code: undefined, text: Buffer.from(storedJson).toString() });
        }
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
    }
    let pageToken = '';
    do {
      const page = await quarantine.listRejected({
        filter: { source },
        pageToken,
        withEvents: true,
      });
      for (const { eventName, error, original, eventJson } of page.rejected) {
        const text = `${Buffer.from(original).toString()}\n${eventJson}`;
        arrived.push({ eventName, code: error?.code ?? 'unknown', text });
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return arrived;
  };
}
