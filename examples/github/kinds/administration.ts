import {
  changed,
  count,
  each,
  flag,
  id,
  integer,
  login,
  number,
  oneOf,
  optional,
  organization,
  repository,
  sha,
  text,
  texts,
  time,
  type Fields,
  type Kind,
} from '../field.ts';

const enterprise: Fields = { enterprise: optional(text('enterprise.slug', 100)) };

const branchProtectionRule: Kind = {
  fields: {
    ...repository,
    rule_id: id('rule.id'),
    name: text('rule.name'),
    required_approvals: integer('rule.required_approving_review_count'),
    required_checks: texts('rule.required_status_checks'),
    admin_enforced: flag('rule.admin_enforced'),
  },
  only: { branch_protection_rule_edited: { changed: changed() } },
  time: ['rule.updated_at'],
};

const cacheSync: Kind = {
  fields: {
    ...repository,
    ...enterprise,
    cache_location: text('cache_location', 100),
    ref: text('ref', 255),
    before: sha('before'),
    after: sha('after'),
  },
  time: [],
};

const contentReference: Kind = {
  fields: {
    ...repository,
    reference_id: id('content_reference.id'),
    reference: text('content_reference.reference', 2048),
  },
  time: [],
};

const deployKey: Kind = {
  fields: {
    ...repository,
    key_id: id('key.id'),
    title: text('key.title'),
    read_only: flag('key.read_only'),
    verified: flag('key.verified'),
  },
  time: ['key.created_at'],
};

const fork: Kind = {
  fields: {
    ...repository,
    fork: text('forkee.full_name', 140),
    fork_id: id('forkee.id'),
    forks_count: integer('repository.forks_count'),
  },
  time: ['forkee.created_at'],
};

const installationBase: Fields = {
  installation_id: id('installation.id'),
  app_id: id('installation.app_id'),
  account: login('installation.account.login'),
  target_type: oneOf('installation.target_type', 'User', 'Organization', 'Enterprise'),
  repository_selection: oneOf('installation.repository_selection', 'all', 'selected'),
};

const installation: Kind = {
  fields: {
    ...installationBase,
    app_events: texts('installation.events', 100),
    repositories_count: optional(count('repositories')),
  },
  time: ['installation.updated_at'],
};

const installationRepositories: Kind = {
  fields: {
    ...installationBase,
    repositories_added: each('repositories_added', 'full_name', 140),
    repositories_removed: each('repositories_removed', 'full_name', 140),
  },
  time: ['installation.updated_at'],
};

const marketplacePurchase: Kind = {
  fields: {
    account: login('marketplace_purchase.account.login'),
    account_type: oneOf('marketplace_purchase.account.type', 'User', 'Organization'),
    plan_id: id('marketplace_purchase.plan.id'),
    plan: text('marketplace_purchase.plan.name'),
    plan_before: optional(text('previous_marketplace_purchase.plan.name')),
    billing_cycle: optional(oneOf('marketplace_purchase.billing_cycle', 'monthly', 'yearly')),
    unit_count: integer('marketplace_purchase.unit_count'),
    on_free_trial: flag('marketplace_purchase.on_free_trial'),
    monthly_price_in_cents: integer('marketplace_purchase.plan.monthly_price_in_cents'),
  },
  time: ['effective_date'],
};

const member: Kind = {
  fields: { ...repository, member: login('member.login'), member_id: id('member.id') },
  only: {
    collaborator_edited: { permission_before: optional(text('changes.old_permission.from', 50)) },
  },
  time: [],
};

const teamBase: Fields = {
  team_id: id('team.id'),
  team: text('team.name'),
};

const teamPrivacy: Fields = {
  privacy: oneOf('team.privacy', 'closed', 'open', 'secret'),
  permission: text('team.permission', 50),
};

/** A team that was just deleted has only an id and a name. */
const membership: Kind = {
  fields: {
    ...organization,
    ...teamBase,
    team_deleted: optional(flag('team.deleted')),
    member: login('member.login'),
    member_id: id('member.id'),
  },
  time: [],
};

/** Only some events of a team name a repository. */
const team: Kind = {
  fields: {
    ...organization,
    ...teamBase,
    ...teamPrivacy,
    repository: optional(text('repository.full_name', 140)),
    repository_id: optional(id('repository.id')),
  },
  only: { team_edited: { changed: changed() } },
  time: [],
};

const teamAdd: Kind = { fields: { ...repository, ...teamBase, ...teamPrivacy }, time: [] };

/** A hook belongs to a repository, an organization or an app. */
const hookBase: Fields = {
  repository: optional(text('repository.full_name', 140)),
  repository_id: optional(id('repository.id')),
  ...organization,
  hook_id: id('hook_id'),
  hook_type: optional(oneOf('hook.type', 'Repository', 'Organization', 'App', 'Enterprise')),
  hook_active: flag('hook.active'),
  hook_events: texts('hook.events', 100),
};

const meta: Kind = { fields: hookBase, time: [] };

const ping: Kind = { fields: { ...hookBase, zen: text('zen', 1024) }, time: ['hook.created_at'] };

const organizationKind: Kind = {
  fields: {
    ...organization,
    ...enterprise,
    organization_id: id('organization.id'),
    member: optional(login('membership.user.login')),
    role: optional(text('membership.role', 50)),
    membership_state: optional(oneOf('membership.state', 'active', 'pending', 'inactive')),
  },
  only: {
    organization_member_invited: {
      invitation_id: id('invitation.id'),
      invitee: optional(login('user.login')),
      invitation_role: text('invitation.role', 50),
    },
    organization_renamed: { organization_before: optional(login('changes.login.from')) },
  },
  time: ['invitation.created_at'],
};

const orgBlock: Kind = {
  fields: {
    ...organization,
    blocked_user: login('blocked_user.login'),
    blocked_user_id: id('blocked_user.id'),
  },
  time: [],
};

const repositoryKind: Kind = {
  fields: {
    ...repository,
    default_branch: text('repository.default_branch', 255),
    archived: optional(flag('repository.archived')),
    fork: flag('repository.fork'),
    stars_count: integer('repository.stargazers_count'),
  },
  only: {
    repository_edited: { changed: changed() },
    repository_renamed: { name_before: text('changes.repository.name.from', 100) },
    repository_transferred: {
      // A user or an organization.
      user_before: optional(login('changes.owner.from.user.login')),
      organization_before: optional(login('changes.owner.from.organization.login')),
    },
  },
  time: ['repository.updated_at'],
};

const repositoryDispatch: Kind = {
  fields: { ...repository, branch: optional(text('branch', 255)) },
  time: [],
};

const repositoryImport: Kind = {
  fields: { ...repository, status: oneOf('status', 'success', 'cancelled', 'failure') },
  time: [],
};

const sponsorship: Kind = {
  fields: {
    sponsor: login('sponsorship.sponsor.login'),
    sponsored: login('sponsorship.sponsorable.login'),
    privacy_level: oneOf('sponsorship.privacy_level', 'public', 'private'),
    tier: text('sponsorship.tier.name'),
    tier_before: optional(text('changes.tier.from.name')),
    monthly_price_in_dollars: number('sponsorship.tier.monthly_price_in_dollars'),
    effective_at: optional(time('effective_date')),
  },
  time: ['sponsorship.created_at'],
};

const star: Kind = {
  fields: { ...repository, stars_count: integer('repository.stargazers_count') },
  time: ['starred_at'],
};

const user: Kind = {
  fields: { ...enterprise, user: login('user.login'), account_id: id('user.id') },
  time: [],
};

export const administration: Readonly<Record<string, Kind>> = {
  branch_protection_rule: branchProtectionRule,
  cache_sync: cacheSync,
  content_reference: contentReference,
  deploy_key: deployKey,
  enterprise: { fields: enterprise, time: [] },
  fork,
  github_app_authorization: { fields: {}, time: [] },
  installation,
  installation_repositories: installationRepositories,
  marketplace_purchase: marketplacePurchase,
  member,
  membership,
  meta,
  org_block: orgBlock,
  organization: organizationKind,
  ping,
  public: { fields: repository, time: ['repository.updated_at'] },
  repository: repositoryKind,
  repository_dispatch: repositoryDispatch,
  repository_import: repositoryImport,
  sponsorship,
  star,
  team,
  team_add: teamAdd,
  user,
  watch: { fields: star.fields, time: [] },
};
