import type { WriteKey } from '../../../gen/headgate/v1/key_service_pb.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import type { Fact } from '../../parts/facts.tsx';
import { Time } from '../../parts/time.tsx';
import { useService } from '../../service/service.ts';
import { NewKey } from './new-key.tsx';

const dayS = 86_400n;

/** Rotate and revoke. A key of the configuration is rotated there, and can be refused from here. */
export function KeyActs({ of, onDone }: { readonly of: WriteKey; readonly onDone: () => void }) {
  const { keys } = useService();
  const { id, source } = of;
  /** Read again: a key is revoked for what it did until now. */
  const readFacts = async (signal: AbortSignal) => {
    const { keys: listed } = await keys.listKeys({ source, pageSize: 500 }, { signal });
    const { lastUsedAt } = listed.find((key) => key.id === id) ?? of;
    const facts: Fact[] = [
      ['Source', source],
      ['Key', <code>{id}</code>],
      ['Last used', lastUsedAt === undefined ? 'never' : <Time at={lastUsedAt} as="ago" />],
    ];
    return { facts, isUsed: lastUsedAt !== undefined };
  };
  return (
    <div class="acts">
      {!of.inFile && (
        <Act
          button="Rotate…"
          title={`Rotate the key of ${source}`}
          needs="admin"
          text="Makes a new key with the same source, events and limits. The old one goes on for 24 hours, so that producers can change to the new one."
          plan={async (signal) => ({
            facts: [...(await readFacts(signal)).facts, ['The old key ends', '24 hours from now']],
            confirm: 'Make the new key',
          })}
          run={async () => {
            const overlap = { seconds: dayS, nanos: 0 };
            const { secret } = await keys.rotateKey({ id, overlap });
            return <NewKey secret={secret} source={source} />;
          }}
          onDone={onDone}
        />
      )}
      <Act
        button="Revoke…"
        title={`Revoke the key of ${source}`}
        needs="admin"
        isDanger
        text="Every gate refuses the key within a second, on open connections too. This cannot be undone."
        plan={async (signal) => {
          const { facts, isUsed } = await readFacts(signal);
          return {
            facts,
            note: (
              <>
                {isUsed && 'Producers that still use it are refused from then on. '}
                {of.inFile && <FileNote id={id} />}
              </>
            ),
            confirm: `Revoke the key of ${source}`,
          };
        }}
        run={async () => {
          await keys.revokeKey({ id });
          return (
            <>
              <p>The key is revoked.</p>
              {of.inFile && (
                <p>
                  <FileNote id={id} />
                </p>
              )}
            </>
          );
        }}
        onDone={onDone}
      />
    </div>
  );
}

/** The line of a key in the configuration: an id is the beginning of a hash. */
export function FileNote({ id }: { readonly id: string }) {
  return (
    <>
      It stands in <code>headgate.yaml</code>: remove the line under <code>keys</code> with{' '}
      <code>hash: "sha256:{id}…"</code> there, too.
    </>
  );
}
