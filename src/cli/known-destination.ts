import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { likely } from '../config/gather/nearest.ts';
import { StartError } from '../errors.ts';
import { connectAdmin, type AdminOptions } from './admin-client.ts';

const namesShownMax = 20;

/** Throws a StartError if the gate has no destination of this name. Empty: all are meant. */
export type DestinationCheck = (name: string) => Promise<void>;

/**
 * For a filter that has found nothing: the name may be misspelt. Dead letters and audit entries may be
 * of a destination that was removed, so that a name is checked only then.
 */
export function checkDestination(
  options: AdminOptions,
  env: Readonly<Record<string, string | undefined>>,
): DestinationCheck {
  return async (name) => {
    if (name === '') return;
    const client = connectAdmin(DestinationService, options, env);
    // The search itself has succeeded: a gate that does not say its destinations takes nothing from that.
    const list = client.call((service) => service.listDestinations({}));
    const names = await list.then(
      ({ destinations }) => destinations.map((one) => one.name),
      () => undefined,
    );
    if (names !== undefined && !names.includes(name))
      throw new StartError(unknownDestination(name, names));
  };
}

function unknownDestination(name: string, names: readonly string[]): string {
  const near = likely(name, names, 3);
  const begin = `Nothing is of a destination ${JSON.stringify(name)}, and the gate has none of this name`;
  if (near.length > 0) return `${begin}. Did you mean ${near.join(' or ')}?`;
  if (names.length === 0) return `${begin}: it has no destinations.`;
  const more = names.length > namesShownMax ? ', ...' : '';
  return `${begin}. It has ${names.slice(0, namesShownMax).join(', ')}${more}.`;
}
