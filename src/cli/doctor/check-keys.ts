import { KeyService } from '../../../gen/headgate/v1/key_service_pb.ts';
import { connectAdminPort } from '../admin-client.ts';
import { listKeys } from '../keys/list.ts';
import type { RunningGate } from './check-gate.ts';
import type { CheckFindings } from '../../doctor/finding.ts';

/** How many keys one run names. */
const namedMax = 10;

/**
 * The write keys of a running gate: is there one, and which ones end soon while they are in use? It is
 * the only check that counts keys. `inSettings`: how many the settings have, of which some may have ended.
 */
export async function checkKeys(
  findings: CheckFindings,
  inSettings: number,
  gate: RunningGate | undefined,
): Promise<void> {
  if (gate === undefined) {
    findings.skipped(
      `the settings have ${inSettings}; a running gate knows which are in force, with those of the log`,
    );
    return;
  }
  const keys = await listKeys(connectAdminPort(KeyService, gate), '', false);
  if (keys.length === 0) {
    findings.failure(
      'no write key is in force: every request is refused',
      'Create one: headgate keys create --source NAME.',
    );
    return;
  }
  const expiring = keys.filter(({ expiringInUse }) => expiringInUse);
  if (expiring.length === 0) {
    const inFile = keys.filter((key) => key.inFile).length;
    const parts = `${inFile} of its settings, ${keys.length - inFile} of the log`;
    const total = `write keys in force at the gate: ${keys.length} (${parts})`;
    findings.ok(`${total}; none that is in use expires within 14 days`);
    return;
  }
  const named = expiring.slice(0, namedMax).map(({ id, source }) => `${id} of ${source}`);
  const more = expiring.length > namedMax ? ', and more' : '';
  findings.warning(
    `write keys that are in use expire within 14 days: ${named.join(', ')}${more}`,
    'Rotate each, or ask its sender to change to the new one: docs/runbooks/key-expires.md.',
  );
}
