import { useFilters } from '../../navigation/address.ts';
import type { WriteKey } from '../../../gen/headgate/v1/key_service_pb.ts';
import { ChoiceFilter, FilterBar, TextFilter } from '../../parts/filter-bar.tsx';
import { Empty, Shown } from '../../parts/states.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { walkPages } from '../../service/walk.ts';
import { CreateKey } from './create-key.tsx';
import { KeyTable } from './key-table.tsx';
import { OperatorTable } from './operator-table.tsx';

/** Last uses change. */
const everyMs = 10_000;

/** Who may send events, and who may use this console. */
export function KeysPage() {
  const filters = useFilters();
  const { keys, operators } = useService();
  const found = useLoad(
    filters.text,
    async (signal) => {
      const all: WriteKey[] = [];
      const request = {
        source: filters.get('source'),
        includeEnded: filters.get('ended') === 'yes',
        pageSize: 500,
      };
      await walkPages((pageToken) => keys.listKeys({ ...request, pageToken }, { signal }), {
        signal,
        onPage: (page) => void all.push(...page.keys),
      });
      return all;
    },
    everyMs,
  );
  const listed = useLoad('operators', async (signal) => {
    return (await operators.listOperators({}, { signal })).operators;
  });
  return (
    <>
      <div class="page-head">
        <h1>Keys and operators</h1>
        <div class="acts">
          <CreateKey onDone={found.reload} />
        </div>
      </div>
      <FilterBar label="Keys">
        <TextFilter name="source" label="Source" hint="a whole name" />
        <ChoiceFilter name="ended" label="Show" choices={endedChoices} />
      </FilterBar>
      <Shown of={found}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No write keys">
              Create one for each source that sends events, so that it can be limited and taken away
              alone. It works within a second, on every gate.
            </Empty>
          ) : (
            <KeyTable keys={all} onDone={found.reload} />
          )
        }
      </Shown>
      <h3>Operators</h3>
      <Shown of={listed}>{(all) => <OperatorTable operators={all} />}</Shown>
      <p class="quiet">
        Operators are in headgate.yaml: <code>headgate operators new</code> makes a token and the
        line for the file. A removed line ends its sessions within a second.
      </p>
    </>
  );
}

const endedChoices = [
  ['', 'Keys in use'],
  ['yes', 'Also ended ones'],
] as const;
