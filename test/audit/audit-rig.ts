import type { DescService } from '@bufbuild/protobuf';
import { createClient, type Client } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import type { AuditRecord } from '../../src/audit/audit-record.ts';
import { createAuditRecords, type AuditFilter } from '../../src/audit/audit-records.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { withAdminToken } from '../admin-token.ts';
import type { RealService } from '../real-service.ts';

export const everyEntry: AuditFilter = {
  operator: '',
  action: '',
  destination: '',
  event: '',
  key: '',
  redelivery: '',
  sinceMs: 0,
  untilMs: Infinity,
};

/** Every entry of a log, read without the admin port, which would add one. */
export async function readEntries(
  log: Log,
  filter: Partial<AuditFilter> = {},
): Promise<AuditRecord[]> {
  const records = createAuditRecords(log);
  const found: AuditRecord[] = [];
  let pageToken = '';
  do {
    const page = await records.page({ ...everyEntry, ...filter }, 500, pageToken);
    found.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}

/** Everything that the stream holds, as text. */
export async function readStreamText(log: Log): Promise<string> {
  let text = '';
  for await (const { subject, payload } of readMatching(log, 'AUDIT', '>')) {
    text += `${subject} ${new TextDecoder().decode(payload)}\n`;
  }
  return text;
}

export function connect<Service extends DescService>(
  { adminUrl }: Pick<RealService, 'adminUrl'>,
  service: Service,
): Client<Service> {
  const transport = createConnectTransport({
    baseUrl: adminUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  return createClient(service, transport);
}

/** Sends one event as JSON, which the example's contracts accept or reject. */
export async function sendEvent(real: Pick<RealService, 'url'>, event: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await fetch(`${real.url}/v1/track`, { method: 'POST', headers, body: JSON.stringify(event) });
}
