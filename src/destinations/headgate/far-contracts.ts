import type { ContractsForm } from '../../event/contracts/contracts-form.ts';
import type { DestinationSettings } from '../destination.ts';
import { openFarGate, outcomeOfFailure } from './far-gate.ts';
import { readFarGateSettings } from './settings.ts';

/** Asks another gate for its contracts. */
export interface FarContractsClient {
  /**
   * Undefined if `knownRevision` is in force there. Rejects with an Error that says why there is no answer,
   * and shows no key.
   */
  fetch(knownRevision: string, timeoutMs?: number): Promise<ContractsForm | undefined>;
  close(): void;
}

/** All contracts of a gate: a thousand events of 16 KiB of schemas each are 16 MiB. */
const answerBytesMax = 32 * 1024 * 1024;

/** Opens a client with the settings of a destination of type `headgate`. Throws a StartError. */
export function openFarContracts(name: string, settings: DestinationSettings): FarContractsClient {
  const far = readFarGateSettings(name, settings);
  const gate = openFarGate(far, answerBytesMax);
  return {
    fetch: async (knownRevision, timeoutMs = far.timeoutMs) => {
      const { revision, contracts } = await gate.relay
        .getContracts({ knownRevision }, { timeoutMs })
        .catch((error: unknown) => {
          // Not as its cause, which is logged with it: its text is that of the far gate, and may quote the key.
          throw new Error(outcomeOfFailure(error, far).reason);
        });
      if (contracts === undefined) return undefined;
      const { headerJson, events, suspended } = contracts;
      return {
        revision,
        headerJson,
        events: events.map(({ eventName, entryJson, schemaJson }) => ({
          name: eventName,
          entryJson,
          schemasJson: schemaJson,
        })),
        isSuspended: suspended,
      };
    },
    close: () => gate.drop(),
  };
}
