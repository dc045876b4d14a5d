/** What a call of a vendor's SDK is, under whatever name each vendor has for it. */
export const vendorCallKinds = [
  'track',
  'identify',
  'page',
  'screen',
  'group',
  'alias',
  'group_identify',
] as const;

export type VendorCallKind = (typeof vendorCallKinds)[number];

/** Whose endpoint took a call. */
export const vendorSystems = ['segment', 'posthog', 'mixpanel'] as const;

/**
 * What the names of the contract do not keep of a vendor's call: with it, the vendor's destination can
 * send the call as it came. ProtoJSON of `headgate.v1.VendorCall`; a member that is absent is empty.
 */
export interface VendorCall {
  readonly system: (typeof vendorSystems)[number];
  readonly call: VendorCallKind;
  /** As it was sent. Absent if the call has no name. */
  readonly eventName?: string;
  /** As it was sent. Absent if it had none. */
  readonly messageId?: string;
  /** Members of the call that are properties now. */
  readonly moved?: readonly string[];
  /** Members of the call that were properties as well. */
  readonly copied?: readonly string[];
  /** The call's own properties, where the others were in a member such as `$set`. */
  readonly own?: readonly string[];
  /** The member of `context` that holds what the contract has no field for. */
  readonly contextMember?: string;
}
