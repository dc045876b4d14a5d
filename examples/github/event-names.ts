/**
 * The event name of each GitHub delivery. The key is `<event>/<action>`, or `<event>` alone where
 * GitHub sends no action. The name is a noun and a past-tense verb; the sentence is its description
 * in the taxonomy.
 *
 * The list has one line per delivery, and no name is derived: `eventNameOf` must throw for an
 * action that GitHub adds later, so that a person chooses its name. The list also has deliveries
 * without an example in the package, which GitHub documents and live webhooks send.
 */
// oxfmt-ignore
const names: Readonly<Record<string, readonly [name: string, description: string]>> = {
  'branch_protection_rule/created':
    ['branch_protection_rule_created', 'A branch protection rule was created.'],
  'branch_protection_rule/deleted':
    ['branch_protection_rule_deleted', 'A branch protection rule was deleted.'],
  'branch_protection_rule/edited':
    ['branch_protection_rule_edited', 'A branch protection rule was changed.'],
  'cache_sync': ['cache_synced', 'A ref was copied to a repository cache.'],
  'check_run/completed': ['check_run_completed', 'A check run reached its conclusion.'],
  'check_run/created': ['check_run_created', 'A check run was created.'],
  'check_run/requested_action':
    ['check_run_action_requested', 'Someone requested an action that a check run offers.'],
  'check_run/rerequested': ['check_run_rerequested', 'Someone requested a check run again.'],
  'check_suite/completed':
    ['check_suite_completed', 'Every check run of a suite reached its conclusion.'],
  'check_suite/requested': ['check_suite_requested', 'New code triggered a check suite.'],
  'check_suite/rerequested': ['check_suite_rerequested', 'Someone requested a check suite again.'],
  'code_scanning_alert/appeared_in_branch':
    ['code_scanning_alert_spotted', 'A known code scanning alert appeared in another branch.'],
  'code_scanning_alert/closed_by_user':
    ['code_scanning_alert_closed', 'Someone closed a code scanning alert.'],
  'code_scanning_alert/created':
    ['code_scanning_alert_created', 'Code scanning found a new alert.'],
  'code_scanning_alert/fixed': ['code_scanning_alert_fixed', 'The code behind an alert was fixed.'],
  'code_scanning_alert/reopened':
    ['code_scanning_alert_reopened', 'A code scanning alert was reopened.'],
  'code_scanning_alert/reopened_by_user':
    ['code_scanning_alert_reopened', 'A code scanning alert was reopened.'],
  'commit_comment/created': ['commit_comment_created', 'Someone commented on a commit.'],
  'content_reference/created':
    ['content_reference_created', 'A comment contained a URL for which an app is registered.'],
  'create': ['ref_created', 'A branch or tag was created.'],
  'delete': ['ref_deleted', 'A branch or tag was deleted.'],
  'dependabot_alert/created':
    ['dependabot_alert_created', 'Dependabot found a vulnerable dependency.'],
  'dependabot_alert/dismissed':
    ['dependabot_alert_dismissed', 'Someone dismissed a Dependabot alert.'],
  'dependabot_alert/fixed': ['dependabot_alert_fixed', 'A vulnerable dependency was replaced.'],
  'dependabot_alert/reintroduced':
    ['dependabot_alert_reintroduced', 'A vulnerable dependency was introduced again.'],
  'dependabot_alert/reopened':
    ['dependabot_alert_reopened', 'A dismissed Dependabot alert was reopened.'],
  'deploy_key/created': ['deploy_key_created', 'A deploy key was added to a repository.'],
  'deploy_key/deleted': ['deploy_key_deleted', 'A deploy key was removed from a repository.'],
  'deployment': ['deployment_created', 'A deployment was requested.'],
  'deployment/created': ['deployment_created', 'A deployment was requested.'],
  'deployment_review/approved': ['deployment_review_approved', 'A reviewer approved a deployment.'],
  'deployment_review/rejected': ['deployment_review_rejected', 'A reviewer rejected a deployment.'],
  'deployment_review/requested':
    ['deployment_review_requested', 'A deployment waits for a reviewer.'],
  'deployment_status': ['deployment_status_created', 'A deployment reported its state.'],
  'deployment_status/created': ['deployment_status_created', 'A deployment reported its state.'],
  'discussion/answered': ['discussion_answered', 'A comment was marked as the answer.'],
  'discussion/category_changed':
    ['discussion_category_changed', 'A discussion moved to another category.'],
  'discussion/created': ['discussion_created', 'A discussion was started.'],
  'discussion/deleted': ['discussion_deleted', 'A discussion was deleted.'],
  'discussion/edited': ['discussion_edited', 'The title or text of a discussion changed.'],
  'discussion/labeled': ['discussion_labeled', 'A label was added to a discussion.'],
  'discussion/locked': ['discussion_locked', 'A discussion was locked for comments.'],
  'discussion/pinned': ['discussion_pinned', 'A discussion was pinned.'],
  'discussion/transferred': ['discussion_transferred', 'A discussion moved to another repository.'],
  'discussion/unanswered':
    ['discussion_unanswered', 'A comment is no longer marked as the answer.'],
  'discussion/unlabeled': ['discussion_unlabeled', 'A label was removed from a discussion.'],
  'discussion/unlocked': ['discussion_unlocked', 'A discussion was unlocked for comments.'],
  'discussion/unpinned': ['discussion_unpinned', 'A discussion was unpinned.'],
  'discussion_comment/created':
    ['discussion_comment_created', 'Someone commented on a discussion.'],
  'discussion_comment/deleted':
    ['discussion_comment_deleted', 'A comment on a discussion was deleted.'],
  'discussion_comment/edited':
    ['discussion_comment_edited', 'A comment on a discussion was changed.'],
  'enterprise/anonymous_access_disabled':
    ['enterprise_anonymous_access_disabled', 'An enterprise no longer allows anonymous Git reads.'],
  'enterprise/anonymous_access_enabled':
    ['enterprise_anonymous_access_enabled', 'An enterprise allows anonymous Git reads.'],
  'fork': ['repository_forked', 'A repository was forked.'],
  'github_app_authorization/revoked':
    ['app_authorization_revoked', 'Someone revoked the access of an app.'],
  'gollum': ['wiki_pages_edited', 'Pages of a wiki were created or changed.'],
  'installation/created': ['installation_created', 'An app was installed.'],
  'installation/deleted': ['installation_deleted', 'An app was uninstalled.'],
  'installation/new_permissions_accepted':
    ['installation_permissions_accepted', 'New permissions of an app were accepted.'],
  'installation/suspend':
    ['installation_suspended', 'The access of an installed app was suspended.'],
  'installation/unsuspend':
    ['installation_unsuspended', 'The access of an installed app was restored.'],
  'installation_repositories/added':
    ['installation_repositories_added', 'An installed app got access to more repositories.'],
  'installation_repositories/removed':
    ['installation_repositories_removed', 'An installed app lost access to repositories.'],
  'issue_comment/created':
    ['issue_comment_created', 'Someone commented on an issue or pull request.'],
  'issue_comment/deleted':
    ['issue_comment_deleted', 'A comment on an issue or pull request was deleted.'],
  'issue_comment/edited':
    ['issue_comment_edited', 'A comment on an issue or pull request was changed.'],
  'issues/assigned': ['issue_assigned', 'An issue was assigned to someone.'],
  'issues/closed': ['issue_closed', 'An issue was closed.'],
  'issues/deleted': ['issue_deleted', 'An issue was deleted.'],
  'issues/demilestoned': ['issue_demilestoned', 'An issue was removed from its milestone.'],
  'issues/edited': ['issue_edited', 'The title or text of an issue changed.'],
  'issues/labeled': ['issue_labeled', 'A label was added to an issue.'],
  'issues/locked': ['issue_locked', 'An issue was locked for comments.'],
  'issues/milestoned': ['issue_milestoned', 'An issue was added to a milestone.'],
  'issues/opened': ['issue_opened', 'An issue was opened.'],
  'issues/pinned': ['issue_pinned', 'An issue was pinned.'],
  'issues/reopened': ['issue_reopened', 'A closed issue was reopened.'],
  'issues/transferred': ['issue_transferred', 'An issue moved to another repository.'],
  'issues/unassigned': ['issue_unassigned', 'An assignee was removed from an issue.'],
  'issues/unlabeled': ['issue_unlabeled', 'A label was removed from an issue.'],
  'issues/unlocked': ['issue_unlocked', 'An issue was unlocked for comments.'],
  'issues/unpinned': ['issue_unpinned', 'An issue was unpinned.'],
  'label/created': ['label_created', 'A label was created.'],
  'label/deleted': ['label_deleted', 'A label was deleted.'],
  'label/edited': ['label_edited', 'A label was changed.'],
  'marketplace_purchase/cancelled':
    ['marketplace_plan_cancelled', 'A Marketplace plan was cancelled.'],
  'marketplace_purchase/changed':
    ['marketplace_plan_changed', 'A Marketplace plan was replaced by another.'],
  'marketplace_purchase/pending_change':
    ['marketplace_plan_change_scheduled', 'A Marketplace plan will change in its next billing period.'],
  'marketplace_purchase/pending_change_cancelled':
    ['marketplace_plan_change_cancelled', 'A scheduled change of a plan was cancelled.'],
  'marketplace_purchase/purchased':
    ['marketplace_plan_purchased', 'A Marketplace plan was bought.'],
  'member/added': ['collaborator_added', 'A collaborator was added to a repository.'],
  'member/edited': ['collaborator_edited', "A collaborator's permissions changed."],
  'member/removed': ['collaborator_removed', 'A collaborator was removed from a repository.'],
  'membership/added': ['team_member_added', 'Someone joined a team.'],
  'membership/removed': ['team_member_removed', 'Someone left a team.'],
  'merge_group/checks_requested':
    ['merge_group_checks_requested', 'A merge queue requested checks for a merge group.'],
  'meta/deleted': ['hook_deleted', 'The webhook itself was deleted.'],
  'milestone/closed': ['milestone_closed', 'A milestone was closed.'],
  'milestone/created': ['milestone_created', 'A milestone was created.'],
  'milestone/deleted': ['milestone_deleted', 'A milestone was deleted.'],
  'milestone/edited': ['milestone_edited', 'A milestone was changed.'],
  'milestone/opened': ['milestone_opened', 'A closed milestone was reopened.'],
  'org_block/blocked': ['user_blocked', 'An organization blocked a user.'],
  'org_block/unblocked': ['user_unblocked', 'An organization unblocked a user.'],
  'organization/created': ['organization_created', 'An organization was created.'],
  'organization/deleted': ['organization_deleted', 'An organization was deleted.'],
  'organization/member_added': ['organization_member_added', 'Someone joined an organization.'],
  'organization/member_invited':
    ['organization_member_invited', 'Someone was invited to an organization.'],
  'organization/member_removed': ['organization_member_removed', 'Someone left an organization.'],
  'organization/renamed': ['organization_renamed', 'An organization was renamed.'],
  'package/published': ['package_published', 'A version of a package was published.'],
  'package/updated': ['package_updated', 'A version of a package was changed.'],
  'page_build': ['page_build_finished', 'A build of a Pages site ended, successfully or not.'],
  'ping': ['hook_pinged', 'GitHub tested a new webhook.'],
  'project/closed': ['project_closed', 'A classic project was closed.'],
  'project/created': ['project_created', 'A classic project was created.'],
  'project/deleted': ['project_deleted', 'A classic project was deleted.'],
  'project/edited': ['project_edited', 'A classic project was changed.'],
  'project/reopened': ['project_reopened', 'A closed classic project was reopened.'],
  'project_card/converted':
    ['project_card_converted', 'A note of a classic project became an issue.'],
  'project_card/created': ['project_card_created', 'A card was added to a classic project.'],
  'project_card/deleted': ['project_card_deleted', 'A card was deleted from a classic project.'],
  'project_card/edited': ['project_card_edited', 'A card of a classic project was changed.'],
  'project_card/moved': ['project_card_moved', 'A card of a classic project was moved.'],
  'project_column/created': ['project_column_created', 'A column was added to a classic project.'],
  'project_column/deleted':
    ['project_column_deleted', 'A column was deleted from a classic project.'],
  'project_column/edited': ['project_column_edited', 'A column of a classic project was changed.'],
  'project_column/moved': ['project_column_moved', 'A column of a classic project was moved.'],
  'projects_v2_item/archived': ['project_item_archived', 'An item of a project was archived.'],
  'projects_v2_item/converted': ['project_item_converted', 'A draft of a project became an issue.'],
  'projects_v2_item/created': ['project_item_created', 'An item was added to a project.'],
  'projects_v2_item/deleted': ['project_item_deleted', 'An item was deleted from a project.'],
  'projects_v2_item/edited': ['project_item_edited', 'A field of a project item changed.'],
  'projects_v2_item/reordered': ['project_item_reordered', 'An item of a project was moved.'],
  'projects_v2_item/restored':
    ['project_item_restored', 'An archived item of a project was restored.'],
  'public': ['repository_published', 'A private repository was made public.'],
  'pull_request/assigned': ['pull_request_assigned', 'A pull request was assigned to someone.'],
  'pull_request/auto_merge_disabled':
    ['pull_request_auto_merge_disabled', 'Auto-merge of a pull request was disabled.'],
  'pull_request/auto_merge_enabled':
    ['pull_request_auto_merge_enabled', 'Auto-merge of a pull request was enabled.'],
  'pull_request/closed':
    ['pull_request_closed', 'A pull request was closed; `merged` says whether it was merged.'],
  'pull_request/converted_to_draft':
    ['pull_request_drafted', 'A pull request was converted to a draft.'],
  'pull_request/dequeued': ['pull_request_dequeued', 'A pull request left the merge queue.'],
  'pull_request/edited':
    ['pull_request_edited', 'The title, text or base of a pull request changed.'],
  'pull_request/enqueued': ['pull_request_enqueued', 'A pull request joined the merge queue.'],
  'pull_request/labeled': ['pull_request_labeled', 'A label was added to a pull request.'],
  'pull_request/locked': ['pull_request_locked', 'A pull request was locked for comments.'],
  'pull_request/merged': ['pull_request_merged', 'A pull request was merged.'],
  'pull_request/opened': ['pull_request_opened', 'A pull request was opened.'],
  'pull_request/ready_for_review':
    ['pull_request_readied', 'A draft pull request was marked as ready for review.'],
  'pull_request/reopened': ['pull_request_reopened', 'A closed pull request was reopened.'],
  'pull_request/review_request_removed':
    ['pull_request_review_request_removed', 'A request for review was withdrawn.'],
  'pull_request/review_requested':
    ['pull_request_review_requested', 'Someone was asked for a review.'],
  'pull_request/synchronize': ['pull_request_synchronized', 'The head of a pull request moved.'],
  'pull_request/unassigned':
    ['pull_request_unassigned', 'An assignee was removed from a pull request.'],
  'pull_request/unlabeled': ['pull_request_unlabeled', 'A label was removed from a pull request.'],
  'pull_request/unlocked': ['pull_request_unlocked', 'A pull request was unlocked for comments.'],
  'pull_request_review/dismissed': ['pull_request_review_dismissed', 'A review was dismissed.'],
  'pull_request_review/edited': ['pull_request_review_edited', 'The text of a review changed.'],
  'pull_request_review/submitted': ['pull_request_review_submitted', 'A review was submitted.'],
  'pull_request_review_comment/created':
    ['pull_request_review_comment_created', 'Someone commented on a diff.'],
  'pull_request_review_comment/deleted':
    ['pull_request_review_comment_deleted', 'A comment on a diff was deleted.'],
  'pull_request_review_comment/edited':
    ['pull_request_review_comment_edited', 'A comment on a diff was changed.'],
  'pull_request_review_thread/resolved':
    ['pull_request_review_thread_resolved', 'A review thread was resolved.'],
  'pull_request_review_thread/unresolved':
    ['pull_request_review_thread_unresolved', 'A review thread was reopened.'],
  'push': ['commits_pushed', 'A branch or tag moved, with or without new commits.'],
  'release/created': ['release_created', 'A release or a draft release was saved.'],
  'release/deleted': ['release_deleted', 'A release was deleted.'],
  'release/edited': ['release_edited', 'A release was changed.'],
  'release/prereleased': ['release_prereleased', 'A pre-release was published.'],
  'release/published': ['release_published', 'A release or pre-release was published.'],
  'release/released':
    ['release_released', 'A release was published, or a pre-release became a release.'],
  'release/unpublished': ['release_unpublished', 'A release was unpublished.'],
  'repository/anonymous_access_disabled':
    ['repository_anonymous_access_disabled', 'A repository no longer allows anonymous Git reads.'],
  'repository/anonymous_access_enabled':
    ['repository_anonymous_access_enabled', 'A repository allows anonymous Git reads.'],
  'repository/archived': ['repository_archived', 'A repository was archived.'],
  'repository/created': ['repository_created', 'A repository was created.'],
  'repository/deleted': ['repository_deleted', 'A repository was deleted.'],
  'repository/edited': ['repository_edited', 'The settings of a repository changed.'],
  'repository/privatized': ['repository_privatized', 'A repository was made private.'],
  'repository/publicized': ['repository_publicized', 'A repository was made public.'],
  'repository/renamed': ['repository_renamed', 'A repository was renamed.'],
  'repository/transferred':
    ['repository_transferred', 'A repository was transferred to another owner.'],
  'repository/unarchived': ['repository_unarchived', 'A repository was unarchived.'],
  // The caller of a repository_dispatch chooses the action, so any action is valid.
  'repository_dispatch/*':
    ['repository_dispatched', 'Someone sent a custom event to a repository.'],
  'repository_import':
    ['repository_import_finished', 'An import of a repository ended, successfully or not.'],
  'repository_vulnerability_alert/create':
    ['vulnerability_alert_created', 'A vulnerable dependency was found.'],
  'repository_vulnerability_alert/dismiss':
    ['vulnerability_alert_dismissed', 'A vulnerability alert was dismissed.'],
  'repository_vulnerability_alert/resolve':
    ['vulnerability_alert_resolved', 'A vulnerable dependency was replaced.'],
  'secret_scanning_alert/created':
    ['secret_scanning_alert_created', 'A secret was found in a repository.'],
  'secret_scanning_alert/reopened':
    ['secret_scanning_alert_reopened', 'A secret scanning alert was reopened.'],
  'secret_scanning_alert/resolved':
    ['secret_scanning_alert_resolved', 'A secret scanning alert was resolved.'],
  'secret_scanning_alert_location/created':
    ['secret_location_detected', 'A known secret was found in another location.'],
  'security_advisory/performed':
    ['security_advisory_performed', 'GitHub acted on a security advisory.'],
  'security_advisory/published':
    ['security_advisory_published', 'A security advisory was published.'],
  'security_advisory/updated': ['security_advisory_updated', 'A security advisory was changed.'],
  'security_advisory/withdrawn':
    ['security_advisory_retracted', 'A security advisory was withdrawn.'],
  'sponsorship/cancelled': ['sponsorship_cancelled', 'A sponsorship ended.'],
  'sponsorship/created': ['sponsorship_created', 'A sponsorship began.'],
  'sponsorship/edited': ['sponsorship_edited', 'The privacy of a sponsorship changed.'],
  'sponsorship/pending_cancellation':
    ['sponsorship_cancellation_scheduled', 'A sponsorship will end after its current period.'],
  'sponsorship/pending_tier_change':
    ['sponsorship_tier_change_scheduled', 'A sponsorship will move to a lower tier.'],
  'sponsorship/tier_changed': ['sponsorship_tier_changed', 'A sponsorship moved to another tier.'],
  'star/created': ['star_created', 'A repository got a star.'],
  'star/deleted': ['star_deleted', 'A star was removed.'],
  'status': ['commit_status_changed', 'A commit got a new status.'],
  'team/added_to_repository': ['team_repository_added', 'A team got access to a repository.'],
  'team/created': ['team_created', 'A team was created.'],
  'team/deleted': ['team_deleted', 'A team was deleted.'],
  'team/edited': ['team_edited', 'A team was changed.'],
  'team/removed_from_repository':
    ['team_repository_removed', 'A team lost access to a repository.'],
  'team_add': ['repository_team_added', 'A repository was added to a team.'],
  'user/created': ['user_created', 'A user was created on a GitHub Enterprise Server.'],
  'user/deleted': ['user_deleted', 'A user was deleted from a GitHub Enterprise Server.'],
  'watch/started': ['repository_starred', 'Someone starred a repository.'],
  'workflow_dispatch': ['workflow_dispatched', 'Someone started a workflow manually.'],
  'workflow_job/completed': ['workflow_job_completed', 'A job of a workflow ended.'],
  'workflow_job/in_progress': ['workflow_job_started', 'A runner started a job of a workflow.'],
  'workflow_job/queued': ['workflow_job_queued', 'A job of a workflow waits for a runner.'],
  'workflow_job/waiting': ['workflow_job_paused', 'A job of a workflow waits for an approval.'],
  'workflow_run/completed': ['workflow_run_completed', 'A run of a workflow ended.'],
  'workflow_run/in_progress': ['workflow_run_started', 'A run of a workflow started.'],
  'workflow_run/requested': ['workflow_run_requested', 'A run of a workflow was requested.'],
};

export interface NamedDelivery {
  /** GitHub's event, as in the header `X-GitHub-Event`. */
  readonly event: string;
  /** GitHub's action; undefined if it sends none, `*` if any action is valid. */
  readonly action: string | undefined;
  readonly eventName: string;
  readonly description: string;
}

export const namedDeliveries: readonly NamedDelivery[] = Object.entries(names).map(
  ([delivery, [eventName, description]]) => {
    const [event = '', action] = delivery.split('/');
    return { event, action, eventName, description };
  },
);

/** Returns the name of an event. Throws for an event or action that is not in the table. */
export function eventNameOf(event: string, action: string | undefined): string {
  const delivery = action === undefined ? event : `${event}/${action}`;
  const entry = Object.hasOwn(names, delivery) ? names[delivery] : names[`${event}/*`];
  if (entry === undefined) {
    throw new Error(`No name for the GitHub delivery ${delivery}: add a line to event-names.ts.`);
  }
  return entry[0];
}
