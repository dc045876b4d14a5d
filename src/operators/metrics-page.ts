import type { Exchange } from '../gate/exchange.ts';
import { cutOffWhenAnswered, type OpenAnswer } from '../http/http-call.ts';
import { sendText } from './text-answer.ts';

/** All metrics, as text for Prometheus. */
export interface MetricsPage {
  readonly contentType: string;
  /** The page in parts. Rendering goes on when the next part is asked for. */
  readonly render: () => AsyncIterable<string>;
}

/** Pages on their way at once. A scraper asks for one at a time; a page of many series is work. */
export const pagesMax = 4;

/**
 * Serves `/metrics`: the page in parts, each rendered once the caller has taken the one before. Answers
 * 503 beyond `pagesMax` pages at once, and 500 with the reason if the first part cannot be rendered.
 */
export function createMetricsEndpoint({ contentType, render }: MetricsPage) {
  let pages = 0;
  return (exchange: Exchange): void => {
    if (pages >= pagesMax) {
      const text = `${pagesMax} scrapes are being answered already. Scrape again later.\n`;
      sendText(exchange, { status: 503, text });
      return;
    }
    pages += 1;
    const isSent = (): void => {
      pages -= 1;
    };
    // A fault of the page was answered; what fails after that is an answer without a reader.
    sendParts(exchange, contentType, render()).then(isSent, isSent);
  };
}

async function sendParts(
  exchange: Exchange,
  contentType: string,
  parts: AsyncIterable<string>,
): Promise<void> {
  const { call, correlationId } = exchange;
  let answer: OpenAnswer | undefined;
  let hasEnded = false;
  call.whenAnswered(() => (hasEnded = true));
  try {
    for await (const part of parts) {
      // The scraper has disconnected: what is left need not be rendered.
      if (hasEnded) return;
      if (answer === undefined) {
        cutOffWhenAnswered(call);
        answer = call.open();
        answer.begin(200, { 'content-type': contentType, 'x-correlation-id': correlationId });
      }
      await write(answer, part);
    }
    answer?.end({});
  } catch (error) {
    // An answer that is cut short is no valid page, and Prometheus discards it.
    if (answer !== undefined) answer.cut();
    else if (!hasEnded) sendText(exchange, { status: 500, text: `${(error as Error).message}\n` });
  }
}

function write(answer: OpenAnswer, part: string): Promise<void> {
  return new Promise((resolve) => answer.write(Buffer.from(part), resolve));
}
