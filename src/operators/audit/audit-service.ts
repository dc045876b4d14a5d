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
    listAudit: async ({ pageSize, pageToken, since, until, ...texts }) => {
      const { operator, action, destination, event, key, redelivery } = texts;
      const named = { operator, action, destination, event, key, redelivery };
      for (const [name, text] of Object.entries(named)) {
        if (text.length <= filterCharactersMax) continue;
        refuse(`${name} has ${text.length} characters; at most ${filterCharactersMax} are kept.`);
      }
      const filter = { ...named, ...readBounds({ since, until }) };
      const page = await records.page(filter, readPageSize(pageSize), pageToken);
      return { ...page, entries: page.items.map(auditMessage) };
    },
  };
}
