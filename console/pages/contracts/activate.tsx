import type { CatalogEvent } from '../../../gen/headgate/v1/catalog_service_pb.ts';
import { download } from '../../parts/copy.tsx';
import { Act } from '../../parts/dialogs/act.tsx';
import { useService } from '../../service/service.ts';
import { triedFacts } from './tried-result.tsx';

export interface ActivateProps {
  readonly of: CatalogEvent;
  readonly version: number;
  readonly isRegistry: boolean;
  /** For contracts in files: taxonomy.yaml with the version as the active one. */
  readonly activatedTaxonomy: string;
  readonly onDone: () => void;
}

/** Makes a version the active one, after showing what it would have refused. */
export function Activate(props: ActivateProps) {
  const { of, version, isRegistry, activatedTaxonomy, onDone } = props;
  const { schemas } = useService();
  const { name, activeVersion } = of;
  return (
    <Act
      button="Activate…"
      title={`Activate version ${version} of ${name}`}
      needs="admin"
      text="Events that name no version are then validated by this one. First, what it would have said of the events of the last 24 hours:"
      plan={async (signal) => {
        const tried = await schemas.trySchema({ eventName: name, version }, { signal });
        return {
          facts: [['Active now', `version ${activeVersion}`], ...triedFacts(tried)],
          note: isRegistry ? undefined : (
            <ChangedTaxonomy text={activatedTaxonomy} change={`active: ${version} at ${name}`} />
          ),
          confirm: isRegistry ? `Activate version ${version}` : undefined,
        };
      }}
      run={async () => {
        const { findings } = await schemas.activateSchema({
          eventName: name,
          version,
          activeVersion,
        });
        return (
          <>
            <p>Version {version} is active on every gate within a second.</p>
            <ul>
              {findings.map(({ place, message }, index) => (
                <li key={index}>
                  {place !== '' && <code>{place}</code>} {message}
                </li>
              ))}
            </ul>
          </>
        );
      }}
      onDone={onDone}
    />
  );
}

/** What to do with contracts in files, whose deployment is not ours. */
export function ChangedTaxonomy({
  text,
  change,
}: {
  readonly text: string;
  readonly change: string;
}) {
  return (
    <>
      The contracts are files: set {change} in taxonomy.yaml and deploy it.{' '}
      {text !== '' && (
        <button type="button" onClick={() => download('taxonomy.yaml', text)}>
          Download the changed taxonomy.yaml
        </button>
      )}
    </>
  );
}
