import { nameBelow, useAddress } from '../../navigation/address.ts';
import { Shown } from '../../parts/states.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { DestinationView } from './destination-view.tsx';
import { DestinationTable } from './destination-table.tsx';
import { RedeliveryTable } from './redelivery-table.tsx';

const everyMs = 4_000;

/** All destinations, or the one that the path names. */
export function DestinationsPage() {
  const { path } = useAddress();
  const name = nameBelow(path, '/destinations');
  return name === '' ? <AllDestinations /> : <DestinationView key={name} name={name} />;
}

function AllDestinations() {
  const { destinations, redeliveries } = useService();
  const listed = useLoad(
    'destinations',
    async (signal) => (await destinations.listDestinations({}, { signal })).destinations,
    everyMs,
  );
  const jobs = useLoad(
    'redeliveries',
    async (signal) => (await redeliveries.listRedeliveries({}, { signal })).redeliveries,
    everyMs,
  );
  return (
    <>
      <div class="page-head">
        <h1>Destinations</h1>
      </div>
      <Shown of={listed}>{(all) => <DestinationTable destinations={all} />}</Shown>
      <h3>Redeliveries</h3>
      <Shown of={jobs}>
        {(all) => <RedeliveryTable redeliveries={all} onChange={jobs.reload} />}
      </Shown>
    </>
  );
}
