import { enumToJson, toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';

import {
  Redelivery_StateSchema as StateSchema,
  RedeliverySchema,
  type Redelivery,
} from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { print } from '../terminal/print.ts';
import { printTable } from '../terminal/table.ts';
import type { RedeliverOptions, RedeliveryClient } from './request.ts';

type Json = Pick<RedeliverOptions, 'json'>;

/** `headgate redeliver list`. */
export async function listRedeliveries(client: RedeliveryClient, { json }: Json): Promise<void> {
  const { redeliveries } = await client.call((service) => service.listRedeliveries({}));
  if (json) print(JSON.stringify(redeliveries.map(asJson)));
  else if (redeliveries.length === 0) process.stderr.write('No redeliveries.\n');
  else printTable(headings, redeliveries.map(rowOf));
}

/** `headgate redeliver pause`, `resume` and `cancel`. */
export async function changeRedelivery(
  client: RedeliveryClient,
  change: 'pause' | 'resume' | 'cancel',
  id: string,
  { json }: Json,
): Promise<void> {
  const { redelivery } = await client.call(
    async (service): Promise<{ readonly redelivery?: Redelivery | undefined }> =>
      service[`${change}Redelivery`]({ id }),
  );
  print(json ? JSON.stringify(asJson(redelivery!)) : `${stateOf(redelivery!)} ${id}`);
}

const headings = ['id', 'destination', 'state', 'started', 'what', 'sent', 'waiting', 'note'];

function rowOf(redelivery: Redelivery): string[] {
  const { id, selection, startedAt, sent, waiting, note } = redelivery;
  return [
    id,
    selection?.destination ?? '',
    stateOf(redelivery),
    startedAt === undefined ? '' : timestampDate(startedAt).toISOString(),
    whatOf(redelivery),
    String(sent),
    String(waiting),
    note === '' ? '-' : note,
  ];
}

/** The selection in a few words. The id of a person is not shown. */
function whatOf({ selection }: Redelivery): string {
  if (selection === undefined) return '';
  const { since, until, eventName, source, user, missing } = selection;
  const parts = [
    since && `since ${timestampDate(since).toISOString()}`,
    until && `until ${timestampDate(until).toISOString()}`,
    eventName,
    source === '' ? '' : `from ${source}`,
    user === '' ? '' : 'of a person',
    missing ? 'missing' : '',
  ];
  return parts.filter((part) => part !== undefined && part !== '').join(', ');
}

function stateOf({ state }: Redelivery): string {
  return String(enumToJson(StateSchema, state)).toLowerCase();
}

const asJson = (redelivery: Redelivery) =>
  toJson(RedeliverySchema, redelivery, { alwaysEmitImplicit: true });
