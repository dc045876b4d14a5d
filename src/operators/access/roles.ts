import type { OperatorRole } from '../../config/operators/operator-entry.ts';

/** The roles that an RPC can need. Each includes the ones before it. */
export const rpcRoles = ['viewer', 'operator', 'admin'] as const;
export type RpcRole = (typeof rpcRoles)[number];

/**
 * The role that each RPC of the admin port needs. An RPC that is not here is refused to everyone.
 *
 * `viewer` reads: also events, with the personal data that they hold. `operator` acts on events.
 * `admin` changes contracts, keys, operators, and what cannot be taken back.
 */
export const roleNeededBy: Readonly<Record<string, RpcRole>> = {
  'headgate.v1.TailService/Tail': 'viewer',

  'headgate.v1.SchemaRegistryService/RegisterSchema': 'admin',
  'headgate.v1.SchemaRegistryService/PushTaxonomy': 'admin',
  'headgate.v1.SchemaRegistryService/ListSchemas': 'viewer',
  'headgate.v1.SchemaRegistryService/GetSchema': 'viewer',
  'headgate.v1.SchemaRegistryService/ActivateSchema': 'admin',
  'headgate.v1.SchemaRegistryService/DeprecateSchema': 'admin',
  'headgate.v1.SchemaRegistryService/TrySchema': 'viewer',
  'headgate.v1.SchemaRegistryService/InferSchema': 'viewer',

  'headgate.v1.RejectedService/ListRejected': 'viewer',
  'headgate.v1.RejectedService/GetRejected': 'viewer',
  'headgate.v1.RejectedService/CountRejected': 'viewer',
  'headgate.v1.RejectedService/ReplayRejected': 'operator',
  'headgate.v1.RejectedService/DiscardRejected': 'operator',

  'headgate.v1.EventLogService/ReadEvents': 'viewer',
  'headgate.v1.EventService/Locate': 'viewer',

  'headgate.v1.DeadLetterService/ListDeadLetters': 'viewer',
  'headgate.v1.DeadLetterService/CountDeadLetters': 'viewer',
  'headgate.v1.DeadLetterService/GetDeadLetter': 'viewer',
  'headgate.v1.DeadLetterService/FixDeadLetter': 'operator',
  'headgate.v1.DeadLetterService/ReplayDeadLetter': 'operator',
  'headgate.v1.DeadLetterService/ReplayDeadLetters': 'operator',
  'headgate.v1.DeadLetterService/DiscardDeadLetter': 'operator',

  'headgate.v1.RedeliveryService/CountRedelivery': 'viewer',
  'headgate.v1.RedeliveryService/StartRedelivery': 'operator',
  'headgate.v1.RedeliveryService/ListRedeliveries': 'viewer',
  'headgate.v1.RedeliveryService/PauseRedelivery': 'operator',
  'headgate.v1.RedeliveryService/ResumeRedelivery': 'operator',
  'headgate.v1.RedeliveryService/CancelRedelivery': 'operator',

  'headgate.v1.AuditService/ListAudit': 'admin',

  'headgate.v1.DestinationService/ListDestinations': 'viewer',
  'headgate.v1.DestinationService/GetDestination': 'viewer',
  'headgate.v1.DestinationService/PauseDestination': 'operator',
  'headgate.v1.DestinationService/ResumeDestination': 'operator',
  'headgate.v1.DestinationService/RemoveDestination': 'admin',

  'headgate.v1.KeyService/CreateKey': 'admin',
  'headgate.v1.KeyService/ListKeys': 'viewer',
  'headgate.v1.KeyService/RotateKey': 'admin',
  'headgate.v1.KeyService/RevokeKey': 'admin',
  'headgate.v1.CatalogService/ListEvents': 'viewer',
  'headgate.v1.DoctorService/GetFindings': 'viewer',
  'headgate.v1.OperatorService/ListOperators': 'viewer',
  'headgate.v1.SignalService/GetHourlyCounts': 'viewer',
};

/** Whether a role includes the one that an RPC needs. `metrics` includes none. */
export function includesRole(role: OperatorRole, needed: RpcRole): boolean {
  return role !== 'metrics' && rpcRoles.indexOf(role) >= rpcRoles.indexOf(needed);
}
