import type { CatalogEvent } from '../../../gen/headgate/v1/catalog_service_pb.ts';
import { linkTo, useFilters } from '../../navigation/address.ts';
import { download } from '../../parts/copy.tsx';
import { formatCount } from '../../parts/figures.ts';
import { Facts } from '../../parts/facts.tsx';
import { layOutJson } from '../../parts/json/format-json.ts';
import { JsonText } from '../../parts/json/json-text.tsx';
import { Empty, Shown } from '../../parts/states.tsx';
import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { Activate } from './activate.tsx';
import { ModeTag } from './mode-tag.tsx';
import { InferContract } from './infer-contract.tsx';
import { TryContract } from './try-contract.tsx';

export interface ContractViewProps {
  readonly name: string;
  /** Undefined if no such event has a contract or came in. */
  readonly event: CatalogEvent | undefined;
  readonly isRegistry: boolean;
  readonly onChange: () => void;
}

/** One event: its versions, who sends it, and what another version would have refused. */
export function ContractView({ name, event, isRegistry, onChange }: ContractViewProps) {
  return (
    <>
      <div class="page-head">
        <h1>
          <a href="/contracts">Contracts</a> <span class="quiet">/</span> {name}
        </h1>
        {event?.planned === true && <ModeTag of={event.mode} />}
        {event?.planned === false && <Tag tone="warn">no contract</Tag>}
      </div>
      {event === undefined ? (
        <Empty title="No such event">Neither a contract nor a stored event has this name.</Empty>
      ) : (
        <>
          <About of={event} />
          <h3>Who sends it</h3>
          <Sources of={event} />
          {event.planned ? (
            <Versions of={event} isRegistry={isRegistry} onChange={onChange} />
          ) : (
            <InferContract name={name} isRegistry={isRegistry} onChange={onChange} />
          )}
        </>
      )}
    </>
  );
}

function About({ of }: { readonly of: CatalogEvent }) {
  const { name, description, owner, stored, rejected } = of;
  return (
    <Facts
      of={[
        ['Description', description],
        ['Owner', owner],
        [
          'Stored',
          <a href={linkTo('/live', { event: name, since: '24h' })}>{formatCount(stored)}</a>,
        ],
        ['Refused', <a href={linkTo('/refused', { event: name })}>{formatCount(rejected)}</a>],
        ['Last seen', of.lastEventAt && <Time at={of.lastEventAt} as="whole" />],
      ]}
    />
  );
}

function Sources({ of }: { readonly of: CatalogEvent }) {
  if (of.sources.length === 0) return <p class="quiet">The log holds no such event.</p>;
  return (
    <table class="plain" aria-label="Sources">
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col" class="number">
            Stored
          </th>
          <th scope="col" class="number">
            Refused
          </th>
        </tr>
      </thead>
      <tbody>
        {of.sources.map(({ source, stored, rejected }) => (
          <tr key={source}>
            <td>
              <a href={linkTo('/live', { event: of.name, source, since: '24h' })}>{source}</a>
            </td>
            <td class="number">{formatCount(stored)}</td>
            <td class="number">
              {rejected === 0n ? (
                '0'
              ) : (
                <a class="wrong" href={linkTo('/refused', { event: of.name, source })}>
                  {formatCount(rejected)}
                </a>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface VersionsProps {
  readonly of: CatalogEvent;
  readonly isRegistry: boolean;
  readonly onChange: () => void;
}

function Versions({ of, isRegistry, onChange }: VersionsProps) {
  const filters = useFilters();
  const { schemas } = useService();
  const { name, versions, activeVersion, deprecatedVersions } = of;
  const version = Number(filters.get('version')) || activeVersion;
  const schema = useLoad(`${name} ${version}`, (signal) =>
    schemas.getSchema({ eventName: name, version }, { signal }),
  );
  return (
    <>
      <h3>Versions</h3>
      <div class="version-head">
        <nav class="choices" aria-label="Versions">
          {versions.map((each) => (
            <a
              key={each}
              href={filters.linkWith({ version: String(each) })}
              aria-current={each === version ? 'true' : undefined}
            >
              {each}
              {each === activeVersion && ' active'}
              {deprecatedVersions.includes(each) && ' deprecated'}
            </a>
          ))}
        </nav>
        {version !== activeVersion && (
          <Activate
            of={of}
            version={version}
            isRegistry={isRegistry}
            activatedTaxonomy={schema.value?.activatedTaxonomy ?? ''}
            onDone={onChange}
          />
        )}
        {schema.value !== undefined && (
          <button
            type="button"
            onClick={() => download(`${version}.json`, layOutJson(schema.value!.schemaJson))}
          >
            Download
          </button>
        )}
      </div>
      <div class="halves">
        <div>
          <Shown of={schema}>
            {({ schemaJson }) => (
              <JsonText label={`Schema of ${name}, version ${version}`} json={schemaJson} />
            )}
          </Shown>
        </div>
        <TryContract key={version} name={name} version={version} />
      </div>
    </>
  );
}
