import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

import type { AdminPort } from '../admin-client.ts';

/** A page of the admin port. */
export interface AdminPage {
  readonly status: number;
  readonly text: string;
}

/** Reads a page such as `/readyz`. Rejects if the port does not answer within `timeoutMs`. */
export async function getAdminPage(
  { url, token, tls }: AdminPort,
  page: string,
  timeoutMs: number,
): Promise<AdminPage> {
  const options = {
    ...tls,
    agent: false,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(timeoutMs),
  };
  const { get } = tls === undefined ? http : https;
  const request = get(`${url}${page}`, options);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part as string;
  return { status: response.statusCode ?? 0, text };
}
