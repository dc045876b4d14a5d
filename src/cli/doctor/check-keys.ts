import { KeyService } from '../../../gen/headgate/v1/key_service_pb.ts';
import { connectAdminPort } from '../admin-client.ts';
import { listKeys } from '../keys/list.ts';
import type { RunningGate } from './check-gate.ts';
import type { CheckFindings } from './finding.ts';

/** How many keys one run names. */
const namedMax = 10;

/** The write keys of a running gate: is there one, and which ones end soon while they are in use? */
export async function checkKeys(findings: CheckFindings, gate: RunningGate): Promise<void> {
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
    findings.ok(`write keys in force: ${keys.length}; none that is in use expires within 14 days`);
    return;
  }
  const named = expiring.slice(0, namedMax).map(({ id, source }) => `${id} of ${source}`);
  const more = expiring.length > namedMax ? ', and more' : '';
  findings.warning(
    `write keys that are in use expire within 14 days: ${named.join(', ')}${more}`,
    'Rotate each, or ask its sender to change to the new one: docs/runbooks/key-expires.md.',
  );
}
