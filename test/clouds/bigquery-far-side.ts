import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { bigqueryType } from '../../src/destinations/bigquery/type.ts';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import type { FarSide } from '../destinations/conformance.ts';
import { startRelay } from '../destinations/relay.ts';
import { bigqueryProgram } from './engine-folder.ts';
import { startGoFake, type GoFake } from './go-fake.ts';

/** test/clouds/fake-bigquery. */
export interface FakeBigquery extends GoFake {
  createDataset(): BigqueryDataset;
  /** As after days: no stream is known any more. */
  forgetStreams(): Promise<void>;
}

export type BigqueryRow = Readonly<Record<string, string | number | boolean>>;

export interface BigqueryDataset {
  readonly id: string;
  /** None if there is no such table. */
  rows(table: string): Promise<readonly BigqueryRow[]>;
  count(table: string): Promise<number>;
  /** As the API has it. Undefined if there is no such table. */
  table(name: string): Promise<Record<string, unknown> | undefined>;
  drop(table: string): Promise<void>;
  /** As another program would make it. */
  create(table: string, fields: readonly object[], description?: string): Promise<void>;
}

export const project = 'test-project';

let datasets = 0;

export async function startFakeBigquery(): Promise<FakeBigquery> {
  const fake = await startGoFake(bigqueryProgram);
  return {
    ...fake,
    createDataset() {
      const id = `dataset_${(datasets += 1)}`;
      const tables = `${fake.url}/bigquery/v2/projects/${project}/datasets/${id}/tables`;
      return {
        id,
        async rows(table) {
          const answer = await fetch(`${tables}/${table}/rows`);
          const lines = answer.ok ? (await answer.text()).split('\n') : [];
          return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as BigqueryRow);
        },
        async count(table) {
          const answer = await fetch(`${tables}/${table}/count`);
          return answer.ok ? Number(await answer.text()) : 0;
        },
        async table(name) {
          const answer = await fetch(`${tables}/${name}`);
          return answer.ok ? ((await answer.json()) as Record<string, unknown>) : undefined;
        },
        drop: async (table) => void (await fetch(`${tables}/${table}`, { method: 'DELETE' })),
        async create(table, fields, description = '') {
          const tableReference = { projectId: project, datasetId: id, tableId: table };
          const body = JSON.stringify({ tableReference, description, schema: { fields } });
          await fetch(tables, { method: 'POST', body });
        },
      };
    },
    forgetStreams: async () => void (await fetch(`${fake.url}/forget-streams`, { method: 'POST' })),
  };
}

/** Folders of journals, which `removeJournals` removes. */
const folders: string[] = [];

export function journalFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-bigquery-'));
  folders.push(folder);
  return folder;
}

export function removeJournals(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export const idOf = (row: BigqueryRow): string => String(row['event_id']);

export function bigquerySettings(
  ports: Pick<GoFake, 'port' | 'httpPort'>,
  dataset: string,
  more: DestinationSettings = {},
): DestinationSettings {
  const defaults = Object.entries(bigqueryType.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  return {
    ...Object.fromEntries(defaults),
    project,
    dataset,
    journal: journalFolder(),
    timeout: 1_000,
    busy_timeout: 5_000,
    ids_kept: 7 * 86_400_000,
    endpoint: `http://127.0.0.1:${ports.httpPort}`,
    storage_endpoint: `http://127.0.0.1:${ports.port}`,
    ...more,
  };
}

/** A dataset of its own behind relays. Each row counts, once in each table of its kind. */
export async function startBigqueryFarSide(
  fake: FakeBigquery,
  tables: 'events' | 'per_event' | 'both',
): Promise<FarSide> {
  const [grpc, http] = [await startRelay(fake.port), await startRelay(fake.httpPort)];
  const both = [grpc, http];
  const dataset = fake.createDataset();
  const names = {
    events: ['events'],
    per_event: ['order_completed'],
    both: ['events', 'order_completed'],
  };
  return {
    settings: bigquerySettings({ port: grpc.port, httpPort: http.port }, dataset.id, { tables }),
    async counted() {
      const [first, second] = await Promise.all(names[tables].map((name) => dataset.rows(name)));
      const ids = first!.map(idOf);
      if (second !== undefined && String(second.map(idOf).sort()) !== String([...ids].sort())) {
        throw new Error('the tables have different events');
      }
      return ids;
    },
    goDown: async () => void (await Promise.all(both.map((relay) => relay.close()))),
    comeUp: async () => void (await Promise.all(both.map((relay) => relay.listen()))),
    stall: () => both.forEach((relay) => relay.freeze()),
    takeSilently: () => both.forEach((relay) => relay.loseAnswers()),
    unstall: () => both.forEach((relay) => relay.thaw()),
    oversize: { propertyBytes: 9_000_001, outcome: { kind: 'dead' } },
    refused: {
      overrides: { userId: 'refused_by_table' },
      outcome: { kind: 'dead', reason: 'BigQuery refused the row: refused by the table' },
    },
    close: async () => void (await Promise.all(both.map((relay) => relay.close()))),
  };
}
