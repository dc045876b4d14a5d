import { nameBelow, useAddress } from '../../navigation/address.ts';
import type {
  CatalogEvent,
  ListEventsResponse,
} from '../../../gen/headgate/v1/catalog_service_pb.ts';
import { formatCount } from '../../parts/figures.ts';
import { Empty, Shown } from '../../parts/states.tsx';
import { DataTable } from '../../parts/tables/data-table.tsx';
import { Time } from '../../parts/time.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { ContractView } from './contract-view.tsx';
import { ModeTag } from './mode-tag.tsx';

/** All events with their contracts, or the one that the path names. */
export function ContractsPage() {
  const { path } = useAddress();
  const { catalog } = useService();
  const listed = useLoad('events', (signal) => catalog.listEvents({}, { signal }));
  const name = nameBelow(path, '/contracts');
  if (name === '') {
    return (
      <>
        <div class="page-head">
          <h1>Contracts</h1>
        </div>
        <Shown of={listed}>{(answer) => <Catalog of={answer} />}</Shown>
      </>
    );
  }
  return (
    <Shown of={listed}>
      {({ events, source }) => (
        <ContractView
          key={name}
          name={name}
          event={events.find((event) => event.name === name)}
          isRegistry={source === 'registry'}
          onChange={listed.reload}
        />
      )}
    </Shown>
  );
}

function Catalog({ of }: { readonly of: ListEventsResponse }) {
  const planned = of.events.filter((event) => event.planned);
  const unplanned = of.events.filter((event) => !event.planned);
  return (
    <>
      {of.observing && (
        <div class="notice warn">
          <strong>No contracts yet: events of any name are stored</strong>
          <p>Open a name below to make its first contract from the events that came.</p>
        </div>
      )}
      {planned.length > 0 && (
        <DataTable
          label="Contracts"
          rows={planned}
          idOf={nameOf}
          hrefOf={hrefOf}
          columns={plannedColumns}
        />
      )}
      {planned.length === 0 && unplanned.length === 0 && (
        <Empty title="No contracts and no events">
          Write a contract with <code>headgate init</code>, or let events come first and make
          contracts from them here.
        </Empty>
      )}
      {unplanned.length > 0 && (
        <>
          <h3>
            Names without a contract{' '}
            {of.unplannedNames > unplanned.length && (
              <span class="quiet">
                the {formatCount(unplanned.length)} most frequent of{' '}
                {formatCount(of.unplannedNames)}
              </span>
            )}
          </h3>
          <DataTable
            label="Names without a contract"
            rows={unplanned}
            idOf={nameOf}
            hrefOf={hrefOf}
            columns={unplannedColumns}
          />
        </>
      )}
    </>
  );
}

const nameOf = ({ name }: CatalogEvent): string => name;
const hrefOf = ({ name }: CatalogEvent): string => `/contracts/${encodeURIComponent(name)}`;
const sourcesOf = ({ sources }: CatalogEvent): string =>
  sources.map(({ source }) => source).join(', ');

const counted = [
  { title: 'Sources', isWide: true, cell: sourcesOf },
  { title: 'Stored', width: 'count', cell: (row: CatalogEvent) => formatCount(row.stored) },
  {
    title: 'Refused',
    width: 'count',
    cell: (row: CatalogEvent) => (
      <span class={row.rejected > 0n ? 'wrong' : ''}>{formatCount(row.rejected)}</span>
    ),
  },
  {
    title: 'Last seen',
    width: 'time',
    isWide: true,
    cell: (row: CatalogEvent) => <Time at={row.lastEventAt} />,
  },
] as const;

const plannedColumns = [
  { title: 'Event', width: 'name', cell: nameOf },
  {
    title: 'Version',
    width: 'count',
    isWide: true,
    cell: (row: CatalogEvent) => `${row.activeVersion} of ${row.versions.length}`,
  },
  {
    title: 'Mode',
    width: 'tag',
    isWide: true,
    cell: (row: CatalogEvent) => <ModeTag of={row.mode} />,
  },
  { title: 'Owner', width: 'tag', isWide: true, cell: (row: CatalogEvent) => row.owner },
  ...counted,
] as const;
const unplannedColumns = [{ title: 'Event', width: 'name', cell: nameOf }, ...counted] as const;
