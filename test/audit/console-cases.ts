import { CatalogService } from '../../gen/headgate/v1/catalog_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { DoctorService } from '../../gen/headgate/v1/doctor_service_pb.ts';
import { OperatorService } from '../../gen/headgate/v1/operator_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { SignalService } from '../../gen/headgate/v1/signal_service_pb.ts';
import type { RealService } from '../real-service.ts';
import { connect } from './audit-rig.ts';
import { fail, silent, type Case } from './key-and-redelivery-cases.ts';

/** The RPCs that the console brought. */
export function consoleCases(service: () => RealService): Record<string, readonly Case[]> {
  const destinations = () => connect(service(), DestinationService);
  const registry = () => connect(service(), SchemaRegistryService);
  const eventName = 'order_completed';
  return {
    'headgate.v1.DestinationService/GetDestination': [
      silent(() => destinations().getDestination({ name: 'warehouse' })),
    ],
    'headgate.v1.CatalogService/ListEvents': [
      silent(() => connect(service(), CatalogService).listEvents({})),
    ],
    'headgate.v1.DoctorService/GetFindings': [
      silent(() => connect(service(), DoctorService).getFindings({})),
    ],
    'headgate.v1.OperatorService/ListOperators': [
      silent(() => connect(service(), OperatorService).listOperators({})),
    ],
    'headgate.v1.SignalService/GetHourlyCounts': [
      silent(() => connect(service(), SignalService).getHourlyCounts({})),
    ],
    'headgate.v1.DestinationService/PauseDestination': [
      {
        call: () => destinations().pauseDestination({ name: 'warehouse', why: 'a test' }),
        entry: {
          kind: 'act',
          target: { destination: 'warehouse' },
          why: 'a test',
          counts: { paused: 1 },
        },
      },
      {
        call: () => destinations().pauseDestination({ name: 'gone', why: 'a test' }),
        entry: fail('destination_not_found', { kind: 'act', target: { destination: 'gone' } }),
      },
    ],
    'headgate.v1.DestinationService/ResumeDestination': [
      {
        call: () => destinations().resumeDestination({ name: 'warehouse' }),
        entry: { kind: 'act', target: { destination: 'warehouse' }, counts: { resumed: 1 } },
      },
    ],
    'headgate.v1.SchemaRegistryService/TrySchema': [
      {
        call: () => registry().trySchema({ eventName, version: 1 }),
        entry: { kind: 'view', target: { event_name: eventName, version: '1' } },
      },
      {
        call: () => registry().trySchema({ eventName, schemaJson: '{"type":"object"}' }),
        entry: { kind: 'view', target: { event_name: eventName, own_schema: 'true' } },
      },
    ],
    'headgate.v1.SchemaRegistryService/InferSchema': [
      {
        call: () => registry().inferSchema({ eventName, source: 'default' }),
        entry: { kind: 'view', target: { event_name: eventName, source: 'default' } },
      },
    ],
  };
}
