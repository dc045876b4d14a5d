import type { ConnectRouter } from '@connectrpc/connect';

import { AuditService } from '../../gen/headgate/v1/audit_service_pb.ts';
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
import type { AuditRecords } from '../audit/audit-records.ts';
import type { DeadLetterQueue } from '../dead-letters/queue.ts';
import type { DeliveryFacts } from '../doctor/check-deliveries.ts';
import type { Finding } from '../doctor/finding.ts';
import { countEventSources, countRejectedSources } from '../jetstream/read/event-names.ts';
import type { Log } from '../jetstream/log.ts';
import type { Tail } from '../tail/tail.ts';
import type { PortAccess } from './access/port-access.ts';
import { createAuditService } from './audit/audit-service.ts';
import { createDeadLetterService } from './dead-letters/dead-letter-service.ts';
import { readDeliveryFacts } from './destinations/delivery-facts.ts';
import {
  createDestinationService,
  type DestinationServiceOptions,
} from './destinations/destination-service.ts';
import { createEventLogService } from './event-log-service.ts';
import { createEventService, type EventServiceOptions } from './events/event-service.ts';
import { createKeyService, type KeyServiceOptions } from './key-service.ts';
import { createRedeliveryService, type RedeliveryServiceOptions } from './redelivery-service.ts';
import {
  createRegistryService,
  type RegistryServiceOptions,
} from './contracts/registry-service.ts';
import { createRejectedService, type RejectedServiceOptions } from './rejected/rejected-service.ts';
import { createCatalogService } from './overview/catalog-service.ts';
import { createDoctorService } from './overview/doctor-service.ts';
import { createOperatorService } from './overview/operator-service.ts';
import { createSignalService } from './overview/signal-service.ts';
import { createTailService } from './tail-service.ts';

/** The parts that the operators' services use. */
export interface OperatorsParts {
  readonly log: Log;
  readonly tail: Tail;
  readonly registry: RegistryServiceOptions;
  readonly rejected: RejectedServiceOptions;
  readonly events: Omit<EventServiceOptions, 'log'>;
  readonly deadLetters: DeadLetterQueue;
  readonly keys: KeyServiceOptions;
  readonly destinations: Omit<DestinationServiceOptions, 'log'>;
  readonly auditRecords: AuditRecords;
  readonly redeliveries: Omit<RedeliveryServiceOptions, 'log'>;
  /** Adds the counts by hour of this process. Never rejects. */
  readonly addCounts: () => Promise<void>;
  /** Runs the checks of doctor. */
  readonly examine: (port: ExaminedPort) => Promise<readonly Finding[]>;
}

/** What doctor asks of this port. */
export interface ExaminedPort {
  readonly deliveries: () => Promise<readonly DeliveryFacts[]>;
  /** Whether the console is built, and served. */
  readonly servesConsole: () => Promise<boolean>;
}

/** Registers all RPC services of the operators' port. */
export function operatorsRoutes(
  parts: OperatorsParts,
): (router: ConnectRouter, access: PortAccess) => void {
  const { log, tail, registry, rejected, events, deadLetters } = parts;
  const { redeliveries, auditRecords, keys } = parts;
  const destinations = { ...parts.destinations, log };
  const catalog = {
    ...registry,
    countStored: () => countEventSources(log),
    countRejected: () => countRejectedSources(log),
  };
  return (router, access) => {
    const examine = (): Promise<readonly Finding[]> =>
      parts.examine({
        deliveries: () => readDeliveryFacts(destinations),
        servesConsole: access.servesConsole,
      });
    router
      .service(TailService, createTailService(tail))
      .service(
        SchemaRegistryService,
        createRegistryService({ ...registry, traffic: { log, rejected } }),
      )
      .service(RejectedService, createRejectedService(rejected))
      .service(EventLogService, createEventLogService(log))
      .service(EventService, createEventService({ ...events, log }))
      .service(DeadLetterService, createDeadLetterService(deadLetters))
      .service(AuditService, createAuditService(auditRecords))
      .service(DestinationService, createDestinationService(destinations))
      .service(RedeliveryService, createRedeliveryService({ ...redeliveries, log }))
      .service(KeyService, createKeyService(keys))
      .service(CatalogService, createCatalogService(catalog))
      .service(DoctorService, createDoctorService({ examine }))
      .service(OperatorService, createOperatorService(access))
      .service(SignalService, createSignalService({ log, addNow: parts.addCounts }));
  };
}
