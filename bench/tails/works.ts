import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const here = path.dirname(fileURLToPath(import.meta.url));

/** A gate, with what its operators need. */
export interface Operated {
  readonly adminPort: number;
  readonly token: string;
  /** For commands, which read the configuration of the gate. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** When half of the backlog was stored. */
  middle: string;
  /** Names of paused destinations, each with the whole backlog. */
  readonly backlogs: string[];
}

/** Something that is asked of a gate, again and again until the signal aborts. */
export type Work = (gate: Operated, signal: AbortSignal) => Promise<void>;

export async function ask(
  { adminPort, token }: Operated,
  method: string,
  request: object,
): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/headgate.v1.${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(request),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}

/** About once a second, as a scraper and a page do that are kept open. */
function everySecond(work: (gate: Operated) => Promise<unknown>): Work {
  return async (gate, signal) => {
    while (!signal.aborted) {
      const began = performance.now();
      await work(gate);
      const leftMs = Math.max(0, 1_000 - (performance.now() - began));
      await sleep(leftMs, undefined, { signal }).catch(() => undefined);
    }
  };
}

/** Drops what it reads: a scraper has a machine of its own, and this one shares a processor with producers. */
function scrape({ adminPort: port, token }: Operated): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const options = { host: '127.0.0.1', port, path: '/metrics', headers };
  return new Promise((resolve, reject) => {
    const request = http.get(options, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
      answer.on('end', () => {
        if (answer.statusCode === 200 && bytes > 100_000) resolve();
        else reject(new Error(`/metrics answered ${answer.statusCode} with ${bytes} bytes`));
      });
    });
    request.on('error', reject);
  });
}

/** Runs a command of ours until the signal aborts. It may exit with 1, which is its finding. */
function command(...args: string[]): Work {
  return async ({ env }, signal) => {
    const program = path.join(here, '..', '..', 'src', 'cli', 'main.ts');
    while (!signal.aborted) {
      await new Promise<void>((resolve, reject) => {
        const options = { env: { ...process.env, ...env }, signal };
        execFile(process.execPath, [program, ...args], options, (error, _out, text) => {
          if (error === null || error.code === 1 || signal.aborted) resolve();
          else reject(new Error(text));
        });
      });
    }
  };
}

const drainBacklog: Work = async (gate, signal) => {
  const name = gate.backlogs.pop();
  if (name === undefined) throw new Error('no backlog is left');
  await ask(gate, 'DestinationService/ResumeDestination', { name });
  if (!signal.aborted) await once(signal, 'abort');
  await ask(gate, 'DestinationService/PauseDestination', { name, why: 'the window is over' });
};

const trySchema: Work = (gate, signal) => {
  const draft = path.join(gate.folder, 'draft.json');
  writeFileSync(draft, '{"type":"object","properties":{"total":{"type":"number"}}}');
  const admin = `http://127.0.0.1:${gate.adminPort}`;
  return command(
    'schemas',
    'try',
    'order_completed',
    '--file',
    draft,
    '--admin',
    admin,
  )(gate, signal);
};

export const works: Readonly<Record<string, Work>> = {
  scrape: everySecond(scrape),
  reconcile: command('reconcile'),
  'draining backlog': drainBacklog,
  'schemas try': trySchema,
  overview: everySecond(async (gate) => {
    await ask(gate, 'SignalService/GetHourlyCounts', {});
    await ask(gate, 'DestinationService/ListDestinations', {});
  }),
  find: async (gate, signal) => {
    while (!signal.aborted) {
      let pageToken = '';
      const id = randomUUID();
      do {
        const page = await ask(gate, 'EventService/Locate', { id, pageToken });
        pageToken = (page as { nextPageToken?: string }).nextPageToken ?? '';
      } while (pageToken !== '' && !signal.aborted);
    }
  },
  // One page, from the middle of what is stored: there the log has the most to count.
  'events of a source': everySecond((gate) =>
    ask(gate, 'EventLogService/ReadEvents', {
      source: 'source_1',
      anyName: true,
      since: gate.middle,
      pageSize: 100,
    }),
  ),
  GetHourlyCounts: everySecond((gate) =>
    ask(gate, 'SignalService/GetHourlyCounts', { withEvents: true }),
  ),
  // As before a redelivery: of one event, and not of the others.
  'count of a redelivery': everySecond((gate) =>
    ask(gate, 'RedeliveryService/CountRedelivery', {
      selection: { destination: 'backlog_0', eventName: 'thing1_completed', since: gate.middle },
    }),
  ),
};
