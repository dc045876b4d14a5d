import { useState } from 'preact/hooks';

import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import type { TrySchemaResponse } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { failureOf, type Failure } from '../../service/failure.ts';
import { useMay, useService } from '../../service/service.ts';
import { Failed } from '../../parts/states.tsx';
import { TriedResult } from './tried-result.tsx';
import { serviceNowMs } from '../../service/clock.ts';

const hourMs = 3_600_000;

/** What a version, or a schema that is typed, would have said of the events that came. */
export function TryContract({
  name,
  version,
}: {
  readonly name: string;
  readonly version: number;
}) {
  const { schemas } = useService();
  const mayTypeSchema = useMay('admin');
  const [hours, setHours] = useState('24');
  const [schemaJson, setSchemaJson] = useState('');
  const [result, setResult] = useState<TrySchemaResponse>();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = (event: Event): void => {
    event.preventDefault();
    setIsBusy(true);
    setFailure(undefined);
    schemas
      .trySchema({
        eventName: name,
        since: timestampFromMs(serviceNowMs() - Number(hours) * hourMs),
        ...(schemaJson.trim() === '' ? { version } : { schemaJson }),
      })
      .then(setResult)
      .catch((error: unknown) => setFailure(failureOf(error)))
      .finally(() => setIsBusy(false));
  };
  return (
    <section class="card" aria-label="Try it">
      <h2>What would it have refused?</h2>
      <form class="try" onSubmit={submit}>
        <label class="field">
          <span>Events of the last</span>
          <select value={hours} onChange={(event) => setHours(event.currentTarget.value)}>
            <option value="1">hour</option>
            <option value="24" selected>
              24 hours
            </option>
            <option value="168">7 days</option>
          </select>
        </label>
        {mayTypeSchema && (
          <label class="field">
            <span>Another schema (empty: version {version})</span>
            <textarea
              rows={3}
              spellcheck={false}
              value={schemaJson}
              onInput={(event) => setSchemaJson(event.currentTarget.value)}
            />
          </label>
        )}
        <button type="submit" disabled={isBusy}>
          {isBusy
            ? 'Trying…'
            : schemaJson.trim() === ''
              ? `Try version ${version}`
              : 'Try this schema'}
        </button>
      </form>
      {failure !== undefined && <Failed failure={failure} />}
      {result !== undefined && <TriedResult of={result} />}
    </section>
  );
}
