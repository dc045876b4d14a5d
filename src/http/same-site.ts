import type { IncomingHttpHeaders } from 'node:http';
import net from 'node:net';

import { authorityOf } from './request-target.ts';

/*
 * A page in a browser can send requests to every address that the browser reaches, loopback and the
 * internal network included. These checks tell such a request from that of a program.
 */

/**
 * Whether a browser says that a page of another site sends this request: by `Sec-Fetch-Site`
 * (https://www.w3.org/TR/fetch-metadata/), or by an `Origin`, or else a `Referer`, whose host is not
 * `Host`. Programs send none of them. A link that a person follows, and an address that he types, are not cross-site.
 */
export function isCrossSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  // A browser without the newer headers sends no `Origin` for a picture.
  const page = headers.origin ?? headers.referer;
  if (page === undefined) return false;
  return !URL.canParse(page) || new URL(page).host !== authorityOf(headers)?.toLowerCase();
}

/**
 * Whether a browser says that a page of this very origin sends this request: by `Sec-Fetch-Site`, or,
 * where a browser sends none (plain HTTP to another machine), by an `Origin` whose host is `Host`.
 */
export function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin } = headers;
  if (origin === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === authorityOf(headers)?.toLowerCase();
}

/**
 * Whether `Host` is an IP address or `localhost`, with any port. A page that has its own name resolved to
 * a loopback address (DNS rebinding) is of the same site as its requests, but shows in `Host`. True without
 * `Host`: browsers always send it, and speak HTTP/2 only over TLS, where the certificate names the host.
 */
export function isLocalHost(headers: IncomingHttpHeaders): boolean {
  const host = (authorityOf(headers) ?? '').replace(/:\d*$/, '').toLowerCase();
  if (host === '' || host === 'localhost' || host.endsWith('.localhost')) return true;
  return net.isIP(host.startsWith('[') ? host.slice(1, -1) : host) !== 0;
}

/** Whether a header is there that every browser sends with each request, and no page can remove. */
export function isFromBrowser(headers: IncomingHttpHeaders): boolean {
  return (
    headers.origin !== undefined ||
    headers['sec-fetch-site'] !== undefined ||
    // Node's fetch sends `*`, which no browser does.
    (headers['accept-language'] ?? '*') !== '*' ||
    headers.referer !== undefined ||
    headers['user-agent']?.startsWith('Mozilla/') === true
  );
}
