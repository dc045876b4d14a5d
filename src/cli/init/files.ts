/** A file to write, by its path relative to the folder, with `/`. */
export interface InitFile {
  readonly path: string;
  readonly text: string;
}

const configuration = `# Headgate's configuration. Each setting has a variable, too: data_dir is
# HEADGATE_DATA_DIR. \`npx headgate doctor\` checks this file and what it names.

# Where events arrive. Set 0.0.0.0:8080 to be reached from other machines.
# listen: 127.0.0.1:8080

# The store of the log, and the warehouse below. Keep it on a disk of its own in production.
data_dir: ./data

# The contracts. Named here, so that a folder that is missing stops the start.
schemas_dir: ./schemas

# Without keys every caller may send. Before others can reach the gate:
#   npx headgate keys new --source web      then paste its lines here
# auth: keys
# keys:
#   - { source: web, hash: "sha256:..." }

# Where events go. A destination that is away delays no other one.
destinations:
  warehouse:
    type: sqlite
    path: ./data/warehouse.db
  # crm:
  #   type: webhook
  #   url: https://crm.example.com/events
  #   secret: "\${CRM_SECRET}"           # from the environment
  #   events: ["user_*", "Order *"]

# How long settled events stay in the log, and how much it may hold.
# log:
#   retention: 7d
#   storage_bytes_max: 20GiB
`;

const taxonomy = (
  team: string,
): string => `# The events of ${team}, and what is done with those that break their contract.
# \`npx headgate schemas check\` finds mistakes in this folder. Start the gate again after a change.

# any: names such as Login and Order Completed. noun_verb: lower snake case with one of your verbs.
naming: any

# Events that no entry names are stored and marked: \`npx headgate schemas list\` shows them. Once you
# have an entry for each, write reject or quarantine.
unplanned: warn

# Other names that are sent for an event: { "Signed Up": user_signed_up }
# aliases: {}

events:
  user_signed_up:
    owner: "${team}"
    description: A person has made an account.
    active: 1                # validated by user_signed_up/1.json
    mode: warn               # stored with a warning; then enforce, so that a broken event is refused
  # Login:
  #   owner: "${team}"
  #   description: A person has signed in.
  #   mode: off              # needs no schema
`;

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['plan'],
  properties: {
    plan: { type: 'string', maxLength: 50, description: 'The plan that was chosen.' },
  },
  additionalProperties: false,
};

/** What `headgate init` writes. `team` has passed `isTeam`. */
export function initFiles(team: string): readonly InitFile[] {
  return [
    { path: 'headgate.yaml', text: configuration },
    { path: 'schemas/taxonomy.yaml', text: taxonomy(team) },
    { path: 'schemas/user_signed_up/1.json', text: `${JSON.stringify(schema, undefined, 2)}\n` },
  ];
}

const teamCharactersMax = 64;

/** Whether a text can stand in the files as it is: letters, digits, and `.`, `_`, `-` between them. */
export function isTeam(text: string): boolean {
  return text.length <= teamCharactersMax && /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/i.test(text);
}
