import { toJson } from '@bufbuild/protobuf';
import type { Command } from 'commander';

import {
  WriteKey_State as State,
  WriteKeySchema,
  type WriteKey,
} from '../../../gen/headgate/v1/key_service_pb.ts';
import { print } from '../terminal/print.ts';
import { printTable } from '../terminal/table.ts';
import type { KeyClient } from './key-client.ts';
import { readSource } from './key-values.ts';
import { timeText } from './made-key.ts';

interface ListOptions {
  readonly source?: string;
  readonly all?: boolean;
  readonly json?: true;
}

const pageSize = 500;

/** `headgate keys list`: the keys by their ids, with their last use. */
export function addListCommand(keys: Command, client: () => KeyClient): void {
  keys
    .command('list')
    .description('list write keys by their ids, with source, end and last use')
    .option('--source <source>', 'keys of this sender only', readSource)
    .option('--all', 'also keys that have expired or were revoked')
    .option('--json', 'print one JSON document')
    .action(async ({ source = '', all = false, json }: ListOptions) => {
      const found = await listKeys(client(), source, all);
      if (json) {
        print(JSON.stringify({ keys: found.map((key) => toJson(WriteKeySchema, key)) }));
        return;
      }
      printTable(headings, found.map(rowOf));
      const count = found.length === 1 ? '1 key' : `${found.length} keys`;
      process.stderr.write(`${count}${all ? '' : ' in force'}.\n`);
    });
}

/** All pages. */
export async function listKeys(
  client: KeyClient,
  source: string,
  includeEnded: boolean,
): Promise<WriteKey[]> {
  const found: WriteKey[] = [];
  let pageToken = '';
  do {
    const page = await client.call((service) =>
      service.listKeys({ source, includeEnded, pageSize, pageToken }),
    );
    found.push(...page.keys);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}

const headings = [
  'id',
  'source',
  'events',
  'state',
  'created',
  'by',
  'ends',
  'last used',
  'limits',
  'notes',
];

const stateNames: Readonly<Record<number, string>> = {
  [State.STATE_UNSPECIFIED]: '',
  [State.IN_FORCE]: 'in force',
  [State.EXPIRED]: 'expired',
  [State.REVOKED]: 'revoked',
};

function rowOf(key: WriteKey): string[] {
  const notes = [
    key.relaySources.length === 0 ? '' : `relays ${key.relaySources.join(',')}`,
    key.inFile ? 'in headgate.yaml' : '',
    key.replaces === '' ? '' : `replaces ${key.replaces}`,
    key.replacedBy === '' ? '' : `replaced by ${key.replacedBy}`,
    key.expiringInUse ? 'expires soon, and is in use' : '',
  ];
  return [
    key.id,
    key.source,
    key.events.join(',') || 'all',
    stateNames[key.state] ?? '',
    timeText(key.createdAt, ''),
    key.createdBy,
    timeText(key.revokedAt ?? key.expiresAt, 'never'),
    timeText(key.lastUsedAt, 'never').replace(':00.000Z', 'Z'),
    limitsText(key.limits),
    notes.filter((note) => note !== '').join(', '),
  ];
}

/** `500/s (2000 at once), 21474836480 bytes/day`; empty: this key states none. */
function limitsText(limits: WriteKey['limits']): string {
  if (limits === undefined) return '';
  const { eventsPerSecond, burst, bytesPerDay } = limits;
  return [
    eventsPerSecond === 0 ? '' : `${eventsPerSecond}/s (${burst} at once)`,
    bytesPerDay === 0n ? '' : `${bytesPerDay} bytes/day`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}
