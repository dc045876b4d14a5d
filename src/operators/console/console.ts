import type { Exchange } from '../../gate/exchange.ts';
import type { CallerIp } from '../../gate/intake/caller-address.ts';
import type { HttpCall } from '../../http/http-call.ts';
import { isSameOrigin } from '../../http/same-site.ts';
import type { Signals } from '../../observability/signals.ts';
import type { Authorize, TokenOwner } from '../access/authorize.ts';
import type { Strangers } from '../access/strangers.ts';
import type { RecordSession } from '../audit/session-acts.ts';
import { consoleFolder } from './console-files.ts';
import { createConsolePages, type ConsolePages } from './console-pages.ts';
import { sessionSecretOf } from './session-cookie.ts';
import { createSessionEndpoint } from './session-endpoint.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createSignInCodes } from './sign-in-codes.ts';

/** The console of the admin port: its files, and who is signed in. */
export interface Console {
  readonly servePage: ConsolePages['serve'];
  readonly isBuilt: ConsolePages['isBuilt'];
  readonly serveSession: (exchange: Exchange) => void;
  /**
   * Whom the session of a browser's RPC belongs to. `foreign`: there is a session, but the request does
   * not come from the console. Undefined without a session.
   */
  ownerOf(call: HttpCall): TokenOwner | 'foreign' | undefined;
  readonly sessions: Pick<Sessions, 'countOf'>;
  /** Makes a code by which one person signs in as `admin`, once. */
  makeCode(): string;
}

export interface ConsoleOptions {
  /** Undefined: where the build is. */
  readonly folder?: string | undefined;
  readonly isTaken: (path: string) => boolean;
  readonly authorize: Authorize;
  readonly strangers: Strangers;
  readonly signals: Pick<Signals, 'note' | 'operatorRefused'>;
  readonly record: RecordSession;
  /** The files of the console cannot be read. */
  readonly onTrouble: (error: unknown) => void;
  readonly ipOf: CallerIp;
  readonly isSecure: boolean;
}

/** A page of another site cannot set it without asking first, which this port never allows. */
const consoleHeader = 'x-headgate-console';

export function createConsole(options: ConsoleOptions): Console {
  const { authorize, strangers, signals, ipOf, isSecure, isTaken } = options;
  const sessions = createSessions();
  const codes = createSignInCodes();
  const pages = createConsolePages({
    folder: options.folder ?? consoleFolder,
    isTaken,
    onTrouble: options.onTrouble,
  });
  return {
    servePage: pages.serve,
    isBuilt: pages.isBuilt,
    serveSession: createSessionEndpoint({
      authorize,
      sessions,
      codes,
      strangers,
      signals,
      record: options.record,
      addressOf: ipOf,
      isSecure,
    }),
    ownerOf: ({ headers }) => {
      const secret = sessionSecretOf(headers);
      if (secret === undefined) return undefined;
      // First, so that no other page keeps a session open.
      if (headers[consoleHeader] !== '1' || !isSameOrigin(headers)) return 'foreign';
      return sessions.find(secret)?.owner;
    },
    sessions,
    makeCode: () => codes.make(authorize.admin),
  };
}
