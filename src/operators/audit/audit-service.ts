import type { ServiceImpl } from '@connectrpc/connect';

import type { AuditService } from '../../../gen/headgate/v1/audit_service_pb.ts';
import type { AuditRecords } from '../../audit/audit-records.ts';
import { readBounds, readPageSize, refuse } from '../request-fields.ts';
import { auditMessage } from './audit-message.ts';

/** The longest filter: an id, or a name. */
const filterCharactersMax = 128;

/** `headgate.v1.AuditService`, for the admin port. */
export function createAuditService(records: AuditRecords): ServiceImpl<typeof AuditService> {
  return {
    listAudit: async ({ operator, action, destination, event, pageSize, pageToken, ...range }) => {
      for (const [name, text] of Object.entries({ operator, action, destination, event })) {
        if (text.length <= filterCharactersMax) continue;
        refuse(`${name} has ${text.length} characters; at most ${filterCharactersMax} are kept.`);
      }
      const filter = { operator, action, destination, event, ...readBounds(range) };
      const page = await records.page(filter, readPageSize(pageSize), pageToken);
      return { ...page, entries: page.items.map(auditMessage) };
    },
  };
}
