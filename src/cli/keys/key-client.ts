import type { KeyService } from '../../../gen/headgate/v1/key_service_pb.ts';
import type { AdminClient } from '../admin-client.ts';

export type KeyClient = AdminClient<typeof KeyService>;
