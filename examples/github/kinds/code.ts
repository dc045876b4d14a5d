import {
  authorAssociation,
  checkStatus,
  conclusion,
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
  severity,
  sha,
  text,
  texts,
  time,
  type Fields,
  type Kind,
} from '../field.ts';

const refName: Fields = {
  ref: text('ref', 255),
  ref_type: oneOf('ref_type', 'branch', 'tag'),
};

const create: Kind = {
  fields: { ...repository, ...refName, default_branch: text('master_branch', 255) },
  time: ['repository.pushed_at'],
};

const remove: Kind = { fields: { ...repository, ...refName }, time: ['repository.pushed_at'] };

const push: Kind = {
  fields: {
    ...repository,
    ref: text('ref', 255),
    before: sha('before'),
    after: sha('after'),
    created: flag('created'),
    deleted: flag('deleted'),
    forced: flag('forced'),
    commits_count: count('commits'),
    commits: each('commits', 'id', 64),
  },
  // Seconds since 1970 in this payload, RFC 3339 in all others.
  time: ['repository.pushed_at'],
};

const commitComment: Kind = {
  fields: {
    ...repository,
    comment_id: id('comment.id'),
    commit_id: sha('comment.commit_id'),
    path: optional(text('comment.path', 4096)),
    line: optional(id('comment.line')),
    author_association: authorAssociation('comment.author_association'),
  },
  time: ['comment.updated_at'],
};

const status: Kind = {
  fields: {
    ...repository,
    status_id: id('id'),
    sha: sha('sha'),
    context: text('context'),
    state: oneOf('state', 'error', 'failure', 'pending', 'success'),
    branches: each('branches', 'name', 255),
  },
  time: ['updated_at'],
};

const gollum: Kind = {
  fields: {
    ...repository,
    pages_count: count('pages'),
    pages: each('pages', 'page_name'),
    // `created` or `edited` for each page, in the order of `pages`.
    page_actions: each('pages', 'action', 20),
  },
  time: [],
};

const checkRun: Kind = {
  fields: {
    ...repository,
    check_run_id: id('check_run.id'),
    check_suite_id: optional(id('check_run.check_suite.id')),
    name: text('check_run.name'),
    head_sha: sha('check_run.head_sha'),
    status: checkStatus('check_run.status'),
    conclusion: conclusion('check_run.conclusion'),
    app: optional(text('check_run.app.name')),
    started_at: optional(time('check_run.started_at')),
    completed_at: optional(time('check_run.completed_at')),
  },
  only: { check_run_action_requested: { requested_action: text('requested_action.identifier') } },
  time: ['check_run.completed_at', 'check_run.started_at'],
};

const checkSuite: Kind = {
  fields: {
    ...repository,
    check_suite_id: id('check_suite.id'),
    head_branch: optional(text('check_suite.head_branch', 255)),
    head_sha: sha('check_suite.head_sha'),
    status: optional(checkStatus('check_suite.status')),
    conclusion: conclusion('check_suite.conclusion'),
    app: optional(text('check_suite.app.name')),
    check_runs_count: optional(integer('check_suite.latest_check_runs_count')),
  },
  time: ['check_suite.updated_at'],
};

const workflowDispatch: Kind = {
  fields: { ...repository, ref: text('ref', 255), workflow: text('workflow', 4096) },
  time: [],
};

const workflowJob: Kind = {
  fields: {
    ...repository,
    job_id: id('workflow_job.id'),
    run_id: id('workflow_job.run_id'),
    run_attempt: optional(id('workflow_job.run_attempt')),
    name: text('workflow_job.name', 1024),
    workflow: optional(text('workflow_job.workflow_name', 1024)),
    head_sha: sha('workflow_job.head_sha'),
    status: checkStatus('workflow_job.status'),
    conclusion: conclusion('workflow_job.conclusion'),
    labels: texts('workflow_job.labels'),
    runner: optional(text('workflow_job.runner_name')),
    steps_count: count('workflow_job.steps'),
    started_at: time('workflow_job.started_at'),
  },
  time: ['workflow_job.completed_at', 'workflow_job.started_at'],
};

const workflowRun: Kind = {
  fields: {
    ...repository,
    run_id: id('workflow_run.id'),
    run_number: id('workflow_run.run_number'),
    run_attempt: optional(id('workflow_run.run_attempt')),
    name: text('workflow_run.name', 1024),
    workflow_id: id('workflow_run.workflow_id'),
    triggered_by: text('workflow_run.event', 100),
    head_branch: optional(text('workflow_run.head_branch', 255)),
    head_sha: sha('workflow_run.head_sha'),
    status: checkStatus('workflow_run.status'),
    conclusion: conclusion('workflow_run.conclusion'),
  },
  time: ['workflow_run.updated_at'],
};

const mergeGroup: Kind = {
  fields: {
    ...repository,
    head_ref: text('merge_group.head_ref', 1024),
    head_sha: sha('merge_group.head_sha'),
    base_ref: text('merge_group.base_ref', 255),
    base_sha: sha('merge_group.base_sha'),
  },
  time: ['merge_group.head_commit.timestamp'],
};

const deploymentBase: Fields = {
  deployment_id: id('deployment.id'),
  environment: text('deployment.environment'),
  ref: text('deployment.ref', 255),
  sha: sha('deployment.sha'),
  task: text('deployment.task', 128),
};

const deployment: Kind = {
  fields: { ...repository, ...deploymentBase },
  time: ['deployment.created_at'],
};

const deploymentStatus: Kind = {
  fields: {
    ...repository,
    ...deploymentBase,
    status_id: id('deployment_status.id'),
    state: oneOf(
      'deployment_status.state',
      'error',
      'failure',
      'inactive',
      'in_progress',
      'pending',
      'queued',
      'success',
      'waiting',
    ),
  },
  time: ['deployment_status.updated_at'],
};

const deploymentReview: Kind = {
  fields: {
    ...repository,
    run_id: id('workflow_run.id'),
    environment: optional(text('environment')),
    head_sha: sha('workflow_run.head_sha'),
    requestor: optional(login('requestor.login')),
    reviewers_count: optional(count('reviewers')),
  },
  time: ['since'],
};

const release: Kind = {
  fields: {
    ...repository,
    release_id: id('release.id'),
    tag_name: text('release.tag_name', 255),
    name: optional(text('release.name', 1024)),
    target: text('release.target_commitish', 255),
    draft: flag('release.draft'),
    prerelease: flag('release.prerelease'),
    assets_count: count('release.assets'),
  },
  time: ['release.published_at', 'release.created_at'],
};

const packageKind: Kind = {
  fields: {
    ...repository,
    package_id: id('package.id'),
    name: text('package.name'),
    package_type: text('package.package_type', 50),
    version: text('package.package_version.version'),
    version_id: id('package.package_version.id'),
  },
  time: ['package.updated_at'],
};

const pageBuild: Kind = {
  fields: {
    ...repository,
    build_id: id('id'),
    status: oneOf('build.status', 'building', 'built', 'errored'),
    error: optional(text('build.error.message', 4096)),
    commit: sha('build.commit'),
    duration_ms: integer('build.duration'),
  },
  time: ['build.updated_at'],
};

const codeScanningAlert: Kind = {
  fields: {
    ...repository,
    number: id('alert.number'),
    state: oneOf('alert.state', 'open', 'dismissed', 'fixed', 'closed'),
    rule: text('alert.rule.id'),
    rule_severity: optional(oneOf('alert.rule.severity', 'none', 'note', 'warning', 'error')),
    tool: text('alert.tool.name'),
    dismissed_reason: optional(
      oneOf('alert.dismissed_reason', 'false positive', "won't fix", 'used in tests'),
    ),
    // Empty if someone opened or closed it manually.
    ref: text('ref', 255),
    commit: text('commit_oid', 64),
  },
  time: ['alert.dismissed_at', 'alert.fixed_at', 'alert.updated_at', 'alert.created_at'],
  // For an alert that a scan found, GitHub sends no sender.
  actor: 'github',
};

const dependabotAlert: Kind = {
  fields: {
    ...repository,
    number: id('alert.number'),
    state: oneOf('alert.state', 'auto_dismissed', 'dismissed', 'fixed', 'open'),
    ecosystem: text('alert.dependency.package.ecosystem', 50),
    package: text('alert.dependency.package.name'),
    manifest_path: text('alert.dependency.manifest_path', 4096),
    scope: optional(oneOf('alert.dependency.scope', 'development', 'runtime')),
    ghsa_id: text('alert.security_advisory.ghsa_id', 19),
    cve_id: optional(text('alert.security_advisory.cve_id', 30)),
    severity: severity('alert.security_advisory.severity'),
    cvss_score: optional(number('alert.security_advisory.cvss.score')),
  },
  time: ['alert.updated_at'],
};

const repositoryVulnerabilityAlert: Kind = {
  fields: {
    ...repository,
    alert_id: id('alert.id'),
    package: text('alert.affected_package_name'),
    affected_range: text('alert.affected_range'),
    fixed_in: optional(text('alert.fixed_in')),
    ghsa_id: text('alert.ghsa_id', 19),
    severity: optional(severity('alert.severity')),
    dismiss_reason: optional(text('alert.dismiss_reason', 1024)),
  },
  time: ['alert.dismissed_at', 'alert.created_at'],
};

const secretBase: Fields = {
  number: id('alert.number'),
  secret_type: text('alert.secret_type', 100),
  resolution: optional(
    oneOf(
      'alert.resolution',
      'false_positive',
      'wont_fix',
      'revoked',
      'used_in_tests',
      'pattern_deleted',
      'pattern_edited',
    ),
  ),
};

const secretScanningAlert: Kind = {
  fields: { ...repository, ...secretBase },
  time: ['alert.resolved_at', 'alert.updated_at', 'alert.created_at'],
  actor: 'github',
};

const secretScanningAlertLocation: Kind = {
  fields: {
    ...repository,
    ...secretBase,
    location_type: text('location.type', 50),
    path: optional(text('location.details.path', 4096)),
    start_line: optional(integer('location.details.start_line')),
    commit: optional(sha('location.details.commit_sha')),
  },
  time: ['alert.updated_at', 'alert.created_at'],
  actor: 'github',
};

/** Concerns all of GitHub, not one repository; GitHub itself is the user. */
const securityAdvisory: Kind = {
  fields: {
    ...organization,
    ghsa_id: text('security_advisory.ghsa_id', 19),
    cve_id: optional(text('security_advisory.cve_id', 30)),
    summary: text('security_advisory.summary', 1024),
    severity: severity('security_advisory.severity'),
    cvss_score: optional(number('security_advisory.cvss.score')),
    vulnerabilities_count: count('security_advisory.vulnerabilities'),
    published_at: time('security_advisory.published_at'),
    withdrawn_at: optional(time('security_advisory.withdrawn_at')),
  },
  time: ['security_advisory.withdrawn_at', 'security_advisory.updated_at'],
  actor: 'github',
};

export const code: Readonly<Record<string, Kind>> = {
  check_run: checkRun,
  check_suite: checkSuite,
  code_scanning_alert: codeScanningAlert,
  commit_comment: commitComment,
  create,
  delete: remove,
  dependabot_alert: dependabotAlert,
  deployment,
  deployment_review: deploymentReview,
  deployment_status: deploymentStatus,
  gollum,
  merge_group: mergeGroup,
  package: packageKind,
  page_build: pageBuild,
  push,
  release,
  repository_vulnerability_alert: repositoryVulnerabilityAlert,
  secret_scanning_alert: secretScanningAlert,
  secret_scanning_alert_location: secretScanningAlertLocation,
  security_advisory: securityAdvisory,
  status,
  workflow_dispatch: workflowDispatch,
  workflow_job: workflowJob,
  workflow_run: workflowRun,
};
