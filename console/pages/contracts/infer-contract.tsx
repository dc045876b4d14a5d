import { useState } from 'preact/hooks';

import type { InferSchemaResponse } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import { download } from '../../parts/copy.tsx';
import { formatCount } from '../../parts/figures.ts';
import { Facts } from '../../parts/facts.tsx';
import { JsonText } from '../../parts/json/json-text.tsx';
import { Failed } from '../../parts/states.tsx';
import { failureOf, type Failure } from '../../service/failure.ts';
import { useMay, useService } from '../../service/service.ts';

export interface InferContractProps {
  readonly name: string;
  readonly isRegistry: boolean;
  readonly onChange: () => void;
}

/** Makes a first contract for a name that has none, from the events that came. */
export function InferContract({ name, isRegistry, onChange }: InferContractProps) {
  const { schemas } = useService();
  const [result, setResult] = useState<InferSchemaResponse>();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const make = (): void => {
    setIsBusy(true);
    setFailure(undefined);
    schemas
      .inferSchema({ eventName: name })
      .then(setResult)
      .catch((error: unknown) => setFailure(failureOf(error)))
      .finally(() => setIsBusy(false));
  };
  return (
    <>
      <h3>A contract for it</h3>
      <p class="quiet">
        Derived from the events of the last 7 days. Nothing is stored until you say so; check it
        first.
      </p>
      <p>
        <button type="button" class="main" disabled={isBusy} onClick={make}>
          {isBusy ? 'Reading events…' : 'Make a contract'}
        </button>
      </p>
      {failure !== undefined && <Failed failure={failure} />}
      {result !== undefined && <Inferred of={result} isRegistry={isRegistry} onChange={onChange} />}
    </>
  );
}

interface InferredProps {
  readonly of: InferSchemaResponse;
  readonly isRegistry: boolean;
  readonly onChange: () => void;
}

function Inferred({ of, isRegistry, onChange }: InferredProps) {
  const { schemas } = useService();
  const { eventName, schemaJson, entry, version, doubts, file, taxonomy } = of;
  return (
    <div class="halves">
      <div>
        <JsonText label={`Schema of ${eventName}`} json={schemaJson} />
        <h3>Its entry in taxonomy.yaml</h3>
        <pre class="json" tabIndex={0} role="region" aria-label="Entry of the taxonomy">
          {entry}
        </pre>
      </div>
      <section class="card" aria-label="The new contract">
        <Facts
          of={[
            [
              'Made from',
              `${formatCount(of.stored)} stored, ${formatCount(of.rejected)} refused events`,
            ],
            ['Sources', of.sources.join(', ')],
            ['Version', String(version)],
            ['File', file && <code>{file}</code>],
          ]}
        />
        {doubts.length > 0 && <h3>Please check</h3>}
        <ul>
          {doubts.map(({ path, text }, index) => (
            <li key={index}>
              {path !== '' && <code>{path}</code>} {text}
            </li>
          ))}
        </ul>
        <div class="acts">
          <button type="button" onClick={() => download(`${version}.json`, schemaJson)}>
            Download the schema
          </button>
          {taxonomy === '' ? (
            <button type="button" onClick={() => download(`${eventName}.yaml`, entry)}>
              Download the entry
            </button>
          ) : (
            <button type="button" onClick={() => download('taxonomy.yaml', taxonomy)}>
              Download the changed taxonomy.yaml
            </button>
          )}
          {isRegistry && (
            <Act
              button="Register…"
              title={`Register the contract of ${eventName}`}
              needs="admin"
              text="Stores the contract for all gates. It cannot be taken back, but a next version can replace it."
              plan={async (signal) => {
                const request = { eventName, version, schemaJson, entry, validateOnly: true };
                await schemas.registerSchema(request, { signal });
                return { facts: [['Version', String(version)]], confirm: 'Register it' };
              }}
              run={async () => {
                await schemas.registerSchema({ eventName, version, schemaJson, entry });
                return <p>{eventName} has a contract now.</p>;
              }}
              onDone={onChange}
            />
          )}
        </div>
        {!isRegistry && <FilesNote file={file} />}
      </section>
    </div>
  );
}

function FilesNote({ file }: { readonly file: string }) {
  const isAdmin = useMay('admin');
  return (
    <p class="quiet">
      The contracts are files: save the schema as <code>{file}</code>, add the entry to{' '}
      <code>taxonomy.yaml</code>, and deploy them
      {isAdmin ? '; headgate schemas check reports mistakes' : ''}.
    </p>
  );
}
