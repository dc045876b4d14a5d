import {
  DoctorFinding_Level as Level,
  type DoctorFinding,
} from '../../../gen/headgate/v1/doctor_service_pb.ts';
import { formatCount } from '../../parts/figures.ts';
import { Shown } from '../../parts/states.tsx';
import { Tag, type Tone } from '../../parts/tag.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';

const levels: Readonly<Record<Level, readonly [words: string, tone: Tone, order: number]>> = {
  [Level.FAILURE]: ['failure', 'bad', 0],
  [Level.WARNING]: ['warning', 'warn', 1],
  [Level.LEVEL_UNSPECIFIED]: ['unknown', 'quiet', 2],
  [Level.SKIPPED]: ['not checked', 'quiet', 3],
  [Level.OK]: ['ok', 'good', 4],
};

/** What is wrong with the service, its log and its destinations, and how to fix it. */
export function HealthPage() {
  const { doctor } = useService();
  const found = useLoad('findings', async (signal) => {
    const { findings } = await doctor.getFindings({}, { signal });
    return findings.toSorted((a, b) => levelOf(a)[2] - levelOf(b)[2]);
  });
  return (
    <>
      <div class="page-head">
        <h1>Health</h1>
        {found.value !== undefined && <Summary of={found.value} />}
        <div class="acts">
          <button type="button" disabled={found.isLoading} onClick={found.reload}>
            {found.isLoading ? 'Checking…' : 'Check again'}
          </button>
        </div>
      </div>
      <Shown of={found} what="Checking the service, the log and the destinations">
        {(findings) => (
          <table class="plain" aria-label="Findings">
            <thead>
              <tr>
                <th scope="col">Check</th>
                <th scope="col">Level</th>
                <th scope="col">Found</th>
              </tr>
            </thead>
            <tbody>
              {findings.map((finding, index) => (
                <FindingRow key={index} of={finding} />
              ))}
            </tbody>
          </table>
        )}
      </Shown>
    </>
  );
}

function levelOf({ level }: DoctorFinding) {
  return levels[level] ?? levels[Level.LEVEL_UNSPECIFIED];
}

function Summary({ of }: { readonly of: readonly DoctorFinding[] }) {
  const failures = of.filter(({ level }) => level === Level.FAILURE).length;
  const warnings = of.filter(({ level }) => level === Level.WARNING).length;
  if (failures + warnings === 0) return <Tag tone="good">all is well</Tag>;
  return (
    <>
      {failures > 0 && <Tag tone="bad">{formatCount(failures)} to fix</Tag>}
      {warnings > 0 && <Tag tone="warn">{formatCount(warnings)} to look at</Tag>}
    </>
  );
}

/** The page of the console where the thing of a check is. */
const pageOfCheck: Readonly<Record<string, readonly [path: string, words: string]>> = {
  deliveries: ['/destinations', 'Destinations'],
  destinations: ['/destinations', 'Destinations'],
  schemas: ['/contracts', 'Contracts'],
  keys: ['/keys', 'Keys and operators'],
};

function FindingRow({ of }: { readonly of: DoctorFinding }) {
  const [words, tone] = levelOf(of);
  const page = pageOfCheck[of.check];
  return (
    <tr>
      <td>{of.check}</td>
      <td>
        <Tag tone={tone}>{words}</Tag>
      </td>
      <td>
        {of.found}
        {of.fix !== '' && (
          <p class="fix">
            <strong>Fix:</strong> {of.fix} {page !== undefined && <a href={page[0]}>{page[1]}</a>}
          </p>
        )}
      </td>
    </tr>
  );
}
