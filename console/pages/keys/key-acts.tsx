import type { WriteKey } from '../../../gen/headgate/v1/key_service_pb.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import { Time } from '../../parts/time.tsx';
import { useService } from '../../service/service.ts';
import { NewKey } from './new-key.tsx';

const dayS = 86_400n;

/** Rotate and revoke. A key of the configuration is changed there. */
export function KeyActs({ of, onDone }: { readonly of: WriteKey; readonly onDone: () => void }) {
  const { keys } = useService();
  const { id, source } = of;
  const facts = [
    ['Source', source],
    ['Key', <code>{id}</code>],
    ['Last used', of.lastUsedAt === undefined ? 'never' : <Time at={of.lastUsedAt} as="ago" />],
  ] as const;
  return (
    <div class="acts">
      <Act
        button="Rotate…"
        title={`Rotate the key of ${source}`}
        needs="admin"
        text="Makes a new key with the same source, events and limits. The old one goes on for 24 hours, so that producers can change to the new one."
        plan={async () => ({
          facts: [...facts, ['The old key ends', '24 hours from now']],
          confirm: 'Make the new key',
        })}
        run={async () => {
          const overlap = { seconds: dayS, nanos: 0 };
          const { secret } = await keys.rotateKey({ id, overlap });
          return <NewKey secret={secret} source={source} />;
        }}
        onDone={onDone}
      />
      <Act
        button="Revoke…"
        title={`Revoke the key of ${source}`}
        needs="admin"
        isDanger
        text="Every gate refuses the key within a second, on open connections too. This cannot be undone."
        plan={async () => ({
          facts,
          note:
            of.lastUsedAt === undefined
              ? undefined
              : 'Producers that still use it are refused from then on.',
          confirm: `Revoke the key of ${source}`,
        })}
        run={async () => {
          await keys.revokeKey({ id });
          return <p>The key is revoked.</p>;
        }}
        onDone={onDone}
      />
    </div>
  );
}
