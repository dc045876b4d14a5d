import type { JsonObject } from '../event/json/json.ts';

/** The calls of Segment's specification, which RudderStack's is, too. */
export const planCalls = ['track', 'identify', 'group', 'page', 'screen'] as const;
export type PlanCall = (typeof planCalls)[number];

/** What a plan has and a contract of ours cannot have, or where the plan does not say enough. */
export interface LeftBehind {
  /** The event or the part of the plan. */
  readonly place: string;
  readonly text: string;
}

export type ReportLeft = (place: string, text: string) => void;

/** One version of an event of a plan. */
export interface ImportedEvent {
  readonly call: PlanCall;
  /** As the plan has it; empty for calls that name no event. */
  readonly name: string;
  readonly description: string;
  /** Empty if the plan does not say. */
  readonly owner: string;
  /** The plan's own number. */
  readonly version: number;
  /** Comments for people. */
  readonly notes: readonly string[];
  /** Of the properties, or of the traits for `identify` and `group`; in any draft. */
  readonly schema: JsonObject;
  /** What references in `schema` refer to. */
  readonly root: JsonObject;
}

export interface ImportedPlan {
  readonly title: string;
  readonly events: readonly ImportedEvent[];
}
