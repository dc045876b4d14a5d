import type { ConnectRouter } from '@connectrpc/connect';

import { AuditService } from '../../gen/headgate/v1/audit_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { RedeliveryService } from '../../gen/headgate/v1/redelivery_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import type { AuditRecords } from '../audit/audit-records.ts';
import type { DeadLetterQueue } from '../dead-letters/queue.ts';
import type { Log } from '../jetstream/log.ts';
import type { Tail } from '../tail/tail.ts';
import { createAuditService } from './audit/audit-service.ts';
import { createDeadLetterService } from './dead-letters/dead-letter-service.ts';
import { createDestinationService, type DestinationServiceOptions } from './destination-service.ts';
import { createEventLogService } from './event-log-service.ts';
import { createEventService, type EventServiceOptions } from './events/event-service.ts';
import { createRedeliveryService, type RedeliveryServiceOptions } from './redelivery-service.ts';
import { createRegistryService, type RegistryServiceOptions } from './registry-service.ts';
import { createRejectedService, type RejectedServiceOptions } from './rejected/rejected-service.ts';
import { createTailService } from './tail-service.ts';

/** The parts that the operators' services use. */
export interface OperatorsParts {
  readonly log: Log;
  readonly tail: Tail;
  readonly registry: RegistryServiceOptions;
  readonly rejected: RejectedServiceOptions;
  readonly events: Omit<EventServiceOptions, 'log'>;
  readonly deadLetters: DeadLetterQueue;
  readonly destinations: Omit<DestinationServiceOptions, 'log'>;
  readonly auditRecords: AuditRecords;
  readonly redeliveries: Omit<RedeliveryServiceOptions, 'log'>;
}

/** Registers all RPC services of the operators' port. */
export function operatorsRoutes(parts: OperatorsParts): (router: ConnectRouter) => void {
  const { log, tail, registry, rejected, events, deadLetters } = parts;
  const { destinations, redeliveries, auditRecords } = parts;
  return (router) =>
    router
      .service(TailService, createTailService(tail))
      .service(SchemaRegistryService, createRegistryService(registry))
      .service(RejectedService, createRejectedService(rejected))
      .service(EventLogService, createEventLogService(log))
      .service(EventService, createEventService({ ...events, log }))
      .service(DeadLetterService, createDeadLetterService(deadLetters))
      .service(AuditService, createAuditService(auditRecords))
      .service(DestinationService, createDestinationService({ ...destinations, log }))
      .service(RedeliveryService, createRedeliveryService({ ...redeliveries, log }));
}
