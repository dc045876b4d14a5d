import { reply, type Exchange } from '../../gate/exchange.ts';
import { createCallerAddress } from '../../gate/intake/caller-address.ts';
import type { Signals } from '../../observability/signals.ts';
import { sendText } from '../text-answer.ts';
import { tokenFiles } from '../token-files.ts';
import { createWrongTokens } from './wrong-tokens.ts';

export interface StrangersOptions {
  readonly trustedProxies: readonly string[];
  readonly signals: Pick<Signals, 'operatorRefused'>;
}

export interface Strangers {
  /** Answers a request without a token, or with one that is not known. */
  refuse(exchange: Exchange): void;
  /** The same for a token or code in a body, with an answer of the caller's own. */
  refuseWrong(exchange: Exchange, answer: () => void): void;
  close(): void;
}

const unauthorized =
  'Send a token as "Authorization: Bearer TOKEN": that of an operator (headgate operators new), or ' +
  `admin.token (HEADGATE_ADMIN_TOKEN), or the content of the file ${tokenFiles.admin} in data_dir. ` +
  `${tokenFiles.metrics} opens /metrics.\n`;
const tooMany =
  'Too many wrong tokens came from this address, and their answers wait. A right token does not wait.\n';

/** Refuses, counts and logs requests to the admin port that no operator has sent. */
export function createStrangers({ trustedProxies, signals }: StrangersOptions): Strangers {
  const addressOf = createCallerAddress(trustedProxies);
  const wrongTokens = createWrongTokens();
  const refuseWrong = (exchange: Exchange, answer: () => void): void => {
    const { call } = exchange;
    const address = addressOf(call);
    signals.operatorRefused('wrong_token', address);
    wrongTokens.slow(call, address, answer, (seconds) => {
      const headers = { 'content-type': 'text/plain; charset=utf-8', 'retry-after': seconds };
      reply(exchange, 429, headers, tooMany);
    });
  };
  return {
    refuseWrong,
    refuse: (exchange) => {
      const answer = (): void => sendText(exchange, { status: 401, text: unauthorized });
      if (exchange.call.headers.authorization === undefined) {
        signals.operatorRefused('no_token', addressOf(exchange.call));
        answer();
      } else refuseWrong(exchange, answer);
    },
    close: wrongTokens.close,
  };
}
