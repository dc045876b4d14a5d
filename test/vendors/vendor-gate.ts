import { hashWriteKey } from '../../src/config/write-key.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { vendorSchemas } from './schemas.ts';

/** The write key of the source `shop`, which the SDKs use. */
export const shopKey = 'hg_shop_0123456789';

/** As any client of the log reads it. */
export interface StoredJson extends Record<string, unknown> {
  readonly properties: Record<string, unknown>;
}

export interface VendorGate extends AsyncDisposable {
  readonly gate: OpenGate;
  /** Every stored event, as JSON, from the beginning. */
  stored(): Promise<StoredJson[]>;
  /** The rejected events as kept, with the reasons. */
  rejected(): Promise<{ code: string; kept: Record<string, never>; text: string }[]>;
}

/** A gate that requires keys, with schemas for the events of the SDKs. */
export async function openVendorGate(
  env: Readonly<Record<string, string>> = {},
): Promise<VendorGate> {
  const schemas = vendorSchemas();
  const gate = await openGate({
    env: { HEADGATE_AUTH: 'keys', HEADGATE_SCHEMAS_DIR: schemas.folder, ...env },
    yaml: `keys:\n  - { source: shop, hash: "${hashWriteKey(shopKey)}" }\n`,
  });
  return {
    gate,
    stored: async () =>
      (await gate.events()).map(({ bytes }) => JSON.parse(bytes.toString()) as StoredJson),
    rejected: async () =>
      (await gate.rejected()).map((message) => ({
        code: message.header('Headgate-Error-Code'),
        kept: JSON.parse(message.bytes.toString()) as Record<string, never>,
        text: message.bytes.toString(),
      })),
    [Symbol.asyncDispose]: async () => {
      await gate[Symbol.asyncDispose]();
      schemas[Symbol.dispose]();
    },
  };
}
