import type { DeliveryFacts } from '../../doctor/check-deliveries.ts';
import { listStatuses, type DestinationServiceOptions } from './destination-service.ts';
import { factsOfStatus } from './facts-of-status.ts';

/** The status of every destination for doctor. Rejects when the log cannot be reached. */
export async function readDeliveryFacts(
  options: DestinationServiceOptions,
): Promise<DeliveryFacts[]> {
  const statuses = await listStatuses(options);
  return statuses.map((status) => factsOfStatus(status, withoutControls));
}

function withoutControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
}
