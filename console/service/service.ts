import { createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

import { CatalogService } from '../../gen/headgate/v1/catalog_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { DoctorService } from '../../gen/headgate/v1/doctor_service_pb.ts';
import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { OperatorService } from '../../gen/headgate/v1/operator_service_pb.ts';
import { RedeliveryService } from '../../gen/headgate/v1/redelivery_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { SignalService } from '../../gen/headgate/v1/signal_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { stopAtSessionEnd } from './session-end.ts';
import type { Role, Session } from './session.ts';

/** The operators' RPCs of the gate that serves this page, and who calls them. */
export interface Service {
  readonly session: Session;
  readonly signals: Client<typeof SignalService>;
  readonly tail: Client<typeof TailService>;
  readonly events: Client<typeof EventService>;
  readonly log: Client<typeof EventLogService>;
  readonly rejected: Client<typeof RejectedService>;
  readonly deadLetters: Client<typeof DeadLetterService>;
  readonly destinations: Client<typeof DestinationService>;
  readonly redeliveries: Client<typeof RedeliveryService>;
  readonly catalog: Client<typeof CatalogService>;
  readonly schemas: Client<typeof SchemaRegistryService>;
  readonly keys: Client<typeof KeyService>;
  readonly operators: Client<typeof OperatorService>;
  readonly doctor: Client<typeof DoctorService>;
}

/** Pages of other sites cannot send this header, so the service knows that the console calls. */
const fromConsole: Interceptor = (next) => (request) => {
  request.header.set('x-headgate-console', '1');
  return next(request);
};

/** `onEnd` is called when the session has ended: this service asks nothing any more. */
export function createService(session: Session, onEnd: () => void): Service {
  const transport = createConnectTransport({
    baseUrl: location.origin,
    useBinaryFormat: true,
    interceptors: [stopAtSessionEnd(onEnd), fromConsole],
  });
  return {
    session,
    signals: createClient(SignalService, transport),
    tail: createClient(TailService, transport),
    events: createClient(EventService, transport),
    log: createClient(EventLogService, transport),
    rejected: createClient(RejectedService, transport),
    deadLetters: createClient(DeadLetterService, transport),
    destinations: createClient(DestinationService, transport),
    redeliveries: createClient(RedeliveryService, transport),
    catalog: createClient(CatalogService, transport),
    schemas: createClient(SchemaRegistryService, transport),
    keys: createClient(KeyService, transport),
    operators: createClient(OperatorService, transport),
    doctor: createClient(DoctorService, transport),
  };
}

export const ServiceContext = createContext<Service | undefined>(undefined);

export function useService(): Service {
  const service = useContext(ServiceContext);
  if (service === undefined) throw new Error('a page outside of ServiceContext');
  return service;
}

const roles: readonly Role[] = ['viewer', 'operator', 'admin'];

/** Whether the viewer may do what needs this role. The service checks it again. */
export function useMay(needed: Role): boolean {
  const { role } = useService().session;
  return roles.indexOf(role) >= roles.indexOf(needed);
}
