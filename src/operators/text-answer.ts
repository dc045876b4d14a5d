import { reply, type Exchange } from '../gate/exchange.ts';

/** A page for people, or for a program that reads text. */
export interface TextAnswer {
  readonly status: number;
  readonly text: string;
  /** Plain text by default. */
  readonly contentType?: string;
}

export function sendText(
  exchange: Exchange,
  { status, text, contentType = 'text/plain; charset=utf-8' }: TextAnswer,
): void {
  reply(exchange, status, { 'content-type': contentType }, text);
}
