import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';

import { toBinary, type DescMessage, type Message } from '@bufbuild/protobuf';

/** The entry of the audit log to which the pages of a list or an act belong. */
export interface LinkedEntry {
  readonly id: string;
  /** The position of its first part. */
  readonly first: number;
  /** The number of the page that the token leads to: 2 and later. */
  readonly page: number;
}

/**
 * Adds the entry of the first page to page tokens, so that later pages belong to the same entry: a list
 * is one view, and a replay of many events is one act.
 */
export interface PageLinks {
  /** A `next_page_token` that also leads to the entry. */
  write(pageToken: string, request: LinkedRequest, entry: LinkedEntry): string;
  /**
   * Reads a `page_token`. Its entry is undefined if this process did not write the token within the last
   * hour for this operator and this request: then a new entry begins.
   */
  read(pageToken: string, request: LinkedRequest): { pageToken: string; entry?: LinkedEntry };
}

/** A request, which the token of another one does not fit. */
export interface LinkedRequest {
  readonly operator: string;
  readonly input: DescMessage;
  readonly message: Message;
}

const mark = '~';
const linkPattern = /^(\d{1,9})\.(\d{1,15})\.(\d{1,15})\.([0-9a-f-]{36})\.([\w-]{43})$/;
const validMs = 3_600_000;

/** `now`: a monotonic time in ms, for tests. */
export function createPageLinks(now: () => number = () => performance.now()): PageLinks {
  // Without the signature, a made-up token would read events without an entry.
  const key = createSecretKey(randomBytes(32));
  const sign = (pageToken: string, link: string, request: LinkedRequest): Buffer =>
    createHmac('sha256', key)
      .update(`${request.operator}\n${request.input.typeName}\n${pageToken}\n${link}\n`)
      .update(filtersOf(request))
      .digest();
  return {
    write: (pageToken, request, { id, first, page }) => {
      const link = `${page}.${Math.round(now())}.${first}.${id}`;
      const signature = sign(pageToken, link, request).toString('base64url');
      return `${pageToken}${mark}${link}.${signature}`;
    },
    read: (text, request) => {
      const at = text.indexOf(mark);
      if (at === -1) return { pageToken: text };
      const pageToken = text.slice(0, at);
      const [, page, atMs, first, id, signature] = linkPattern.exec(text.slice(at + 1)) ?? [];
      if (id === undefined) return { pageToken };
      const wanted = sign(pageToken, `${page}.${atMs}.${first}.${id}`, request);
      const isSame = timingSafeEqual(wanted, Buffer.from(signature!, 'base64url'));
      if (!isSame || now() - Number(atMs) > validMs) return { pageToken };
      return { pageToken, entry: { id, first: Number(first), page: Number(page) } };
    },
  };
}

/** What later pages repeat. They may be of another size, and the token says where they begin. */
function filtersOf({ input, message }: LinkedRequest): Uint8Array {
  const fixed = { ...message, pageToken: '', pageSize: 0, since: undefined };
  return toBinary(input, fixed);
}
