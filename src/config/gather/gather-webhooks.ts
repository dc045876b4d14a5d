import { type RawValue, rawFromFile } from './raw-value.ts';
import { type GatherContext, collectLeaves } from './tree.ts';
import { webhookLimits, webhookSettings } from '../webhook-settings.ts';
import { sourceForm, sourcePattern } from '../write-key.ts';

/** A source of webhooks as found. */
export interface RawWebhook {
  readonly source: string;
  /** `headgate.yaml: webhooks.github`. */
  readonly from: string;
  readonly values: ReadonlyMap<string, RawValue>;
  /** A text or a list of texts. Undefined if absent. */
  readonly secret: RawValue | undefined;
  /** As written in the file. */
  readonly events: unknown;
  readonly properties: unknown;
}

const ownForms = ['secret', 'events', 'properties'];

/** The webhooks of the file. They have no variables: `${NAME}` keeps secrets out of the file. */
export function gatherWebhooks(node: unknown, context: GatherContext): RawWebhook[] {
  const { file, faults, env } = context;
  if (node === undefined || node === null) return [];
  if (!(node instanceof Map)) {
    faults.push(
      `${file}: webhooks: is not a map: write a source for each and its settings below it`,
    );
    return [];
  }
  if (node.size > webhookLimits.sources) {
    faults.push(`${file}: webhooks: has ${node.size} sources: at most ${webhookLimits.sources}`);
  }
  const webhooks: RawWebhook[] = [];
  for (const [name, tree] of node) {
    const source = String(name);
    const under = `webhooks.${source}`;
    const from = `${file}: ${under}`;
    if (!sourcePattern.test(source)) {
      faults.push(`${from}: is not a source: ${sourceForm}`);
    } else if (!(tree instanceof Map)) {
      faults.push(`${from}: is not a map: write its provider, secret and events below it`);
    } else {
      const settings = new Map([...tree].filter(([key]) => !ownForms.includes(String(key))));
      const place = { ...context, under, sections: ownForms };
      const secret = tree.get('secret') as unknown;
      webhooks.push({
        source,
        from,
        values: collectLeaves(settings, webhookSettings, place),
        secret: tree.has('secret') ? rawFromFile(`${from}.secret`, secret, env, faults) : undefined,
        events: tree.get('events'),
        properties: tree.get('properties'),
      });
    }
  }
  return webhooks;
}
