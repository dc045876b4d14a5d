import { isUnknown } from '../service/failure.ts';
import { useLoad, type Loaded } from '../service/load.ts';
import { useService } from '../service/service.ts';

/** The active schema of an event as JSON; undefined for an event without a contract. */
export function useContract(eventName: string): Loaded<string | undefined> {
  const { schemas } = useService();
  return useLoad(eventName, async (signal) => {
    if (eventName === '') return undefined;
    try {
      return (await schemas.getSchema({ eventName }, { signal })).schemaJson || undefined;
    } catch (error) {
      if (isUnknown(error)) return undefined;
      throw error;
    }
  });
}
