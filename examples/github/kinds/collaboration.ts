import {
  authorAssociation,
  changed,
  count,
  each,
  flag,
  id,
  integer,
  lockReason,
  login,
  oneOf,
  optional,
  organization,
  repository,
  sha,
  text,
  time,
  type Fields,
  type Kind,
} from '../field.ts';

const openOrClosed = ['open', 'closed'] as const;

const label: Fields = {
  // Missing if the label was deleted just before the issue lost it.
  label: optional(text('label.name')),
};

const assignee: Fields = {
  assignee: optional(login('assignee.login')),
};

const milestone: Fields = {
  // GitHub Enterprise Server omits it.
  milestone: optional(text('milestone.title', 1024)),
  milestone_number: optional(id('milestone.number')),
};

const issue: Fields = {
  issue_id: id('issue.id'),
  number: id('issue.number'),
  title: text('issue.title', 1024),
  author: optional(login('issue.user.login')),
  // The payload of a pinned issue may lack state and labels.
  state: optional(oneOf('issue.state', ...openOrClosed)),
  labels: optional(each('issue.labels', 'name')),
  comments_count: integer('issue.comments'),
};

const issues: Kind = {
  fields: {
    ...repository,
    ...issue,
    state_reason: optional(
      oneOf('issue.state_reason', 'completed', 'not_planned', 'reopened', 'duplicate'),
    ),
    locked: optional(flag('issue.locked')),
    assignees: each('issue.assignees', 'login', 100),
    author_association: authorAssociation('issue.author_association'),
  },
  only: {
    issue_assigned: assignee,
    issue_unassigned: assignee,
    issue_labeled: label,
    issue_unlabeled: label,
    issue_milestoned: milestone,
    issue_demilestoned: milestone,
    issue_locked: { lock_reason: lockReason('issue.active_lock_reason') },
    issue_edited: { changed: changed() },
    issue_transferred: {
      new_repository: text('changes.new_repository.full_name', 140),
      new_number: id('changes.new_issue.number'),
    },
  },
  time: ['issue.updated_at'],
};

const issueComment: Kind = {
  fields: {
    ...repository,
    ...issue,
    comment_id: id('comment.id'),
    comment_author: optional(login('comment.user.login')),
    author_association: authorAssociation('comment.author_association'),
  },
  time: ['comment.updated_at'],
};

const pullRequestBase: Fields = {
  pull_request_id: id('pull_request.id'),
  number: id('pull_request.number'),
  title: text('pull_request.title', 1024),
  author: optional(login('pull_request.user.login')),
  state: oneOf('pull_request.state', ...openOrClosed),
  draft: optional(flag('pull_request.draft')),
  head_ref: text('pull_request.head.ref', 255),
  head_sha: sha('pull_request.head.sha'),
  base_ref: text('pull_request.base.ref', 255),
};

const reviewer: Fields = {
  // One of the two: a person or a team is requested.
  requested_reviewer: optional(login('requested_reviewer.login')),
  requested_team: optional(text('requested_team.slug')),
};

const pullRequest: Kind = {
  fields: {
    ...repository,
    ...pullRequestBase,
    merged: flag('pull_request.merged'),
    labels: each('pull_request.labels', 'name'),
    commits_count: integer('pull_request.commits'),
    additions: integer('pull_request.additions'),
    deletions: integer('pull_request.deletions'),
    changed_files_count: integer('pull_request.changed_files'),
    author_association: authorAssociation('pull_request.author_association'),
  },
  only: {
    pull_request_assigned: assignee,
    pull_request_unassigned: assignee,
    pull_request_labeled: label,
    pull_request_unlabeled: label,
    pull_request_review_requested: reviewer,
    pull_request_review_request_removed: reviewer,
    pull_request_locked: { lock_reason: lockReason('pull_request.active_lock_reason') },
    pull_request_edited: { changed: changed() },
    pull_request_synchronized: { before: sha('before'), after: sha('after') },
    pull_request_auto_merge_disabled: { reason: optional(text('reason')) },
    pull_request_dequeued: { reason: optional(text('reason')) },
  },
  time: ['pull_request.updated_at'],
};

const pullRequestReview: Kind = {
  fields: {
    ...repository,
    ...pullRequestBase,
    review_id: id('review.id'),
    reviewer: optional(login('review.user.login')),
    review_state: oneOf(
      'review.state',
      'approved',
      'changes_requested',
      'commented',
      'dismissed',
      'pending',
    ),
    commit_id: sha('review.commit_id'),
  },
  time: ['review.submitted_at'],
};

const pullRequestReviewComment: Kind = {
  fields: {
    ...repository,
    ...pullRequestBase,
    comment_id: id('comment.id'),
    review_id: optional(id('comment.pull_request_review_id')),
    commit_id: sha('comment.commit_id'),
    path: text('comment.path', 4096),
    line: optional(id('comment.line')),
    side: optional(oneOf('comment.side', 'LEFT', 'RIGHT')),
    comment_author: optional(login('comment.user.login')),
  },
  time: ['comment.updated_at'],
};

const pullRequestReviewThread: Kind = {
  fields: { ...repository, ...pullRequestBase, comments_count: count('thread.comments') },
  time: ['pull_request.updated_at'],
};

const discussionBase: Fields = {
  discussion_id: id('discussion.id'),
  number: id('discussion.number'),
  title: text('discussion.title', 1024),
  author: optional(login('discussion.user.login')),
  state: oneOf('discussion.state', 'open', 'closed', 'locked', 'converting', 'transferring'),
  category: text('discussion.category.name'),
  comments_count: integer('discussion.comments'),
};

const discussion: Kind = {
  fields: {
    ...repository,
    ...discussionBase,
    locked: flag('discussion.locked'),
    author_association: authorAssociation('discussion.author_association'),
  },
  only: {
    discussion_answered: { answer_id: id('answer.id') },
    discussion_unanswered: { answer_id: id('old_answer.id') },
    discussion_category_changed: { category_before: text('changes.category.from.name') },
    discussion_edited: { changed: changed() },
    discussion_labeled: label,
    discussion_unlabeled: label,
    discussion_locked: { lock_reason: lockReason('discussion.active_lock_reason') },
    discussion_transferred: {
      new_repository: text('changes.new_repository.full_name', 140),
      new_number: id('changes.new_discussion.number'),
    },
  },
  time: ['discussion.updated_at'],
};

const discussionComment: Kind = {
  fields: {
    ...repository,
    ...discussionBase,
    comment_id: id('comment.id'),
    parent_id: optional(id('comment.parent_id')),
    comment_author: optional(login('comment.user.login')),
  },
  time: ['comment.updated_at'],
};

const labelKind: Kind = {
  fields: {
    ...repository,
    label_id: id('label.id'),
    name: text('label.name'),
    color: text('label.color', 6),
    default: flag('label.default'),
  },
  only: { label_edited: { changed: changed() } },
  time: [],
};

const milestoneKind: Kind = {
  fields: {
    ...repository,
    milestone_id: id('milestone.id'),
    number: id('milestone.number'),
    title: text('milestone.title', 1024),
    state: oneOf('milestone.state', ...openOrClosed),
    open_issues_count: integer('milestone.open_issues'),
    closed_issues_count: integer('milestone.closed_issues'),
    due_on: optional(time('milestone.due_on')),
  },
  only: { milestone_edited: { changed: changed() } },
  time: ['milestone.updated_at'],
};

/** A classic project belongs to a repository or to an organization. */
const projectOwner: Fields = {
  repository: optional(text('repository.full_name', 140)),
  repository_id: optional(id('repository.id')),
  ...organization,
};

const project: Kind = {
  fields: {
    ...projectOwner,
    project_id: id('project.id'),
    number: id('project.number'),
    name: text('project.name'),
    state: oneOf('project.state', ...openOrClosed),
  },
  time: ['project.updated_at'],
};

const projectCard: Kind = {
  fields: {
    ...projectOwner,
    card_id: id('project_card.id'),
    column_id: id('project_card.column_id'),
    archived: optional(flag('project_card.archived')),
  },
  only: { project_card_moved: { column_id_before: optional(id('changes.column_id.from')) } },
  time: ['project_card.updated_at'],
};

const projectColumn: Kind = {
  fields: {
    ...projectOwner,
    column_id: id('project_column.id'),
    name: text('project_column.name'),
  },
  only: { project_column_edited: { name_before: optional(text('changes.name.from')) } },
  time: ['project_column.updated_at'],
};

const projectsV2Item: Kind = {
  fields: {
    ...organization,
    item_id: id('projects_v2_item.id'),
    project_node_id: text('projects_v2_item.project_node_id', 100),
    content_node_id: text('projects_v2_item.content_node_id', 100),
    content_type: oneOf('projects_v2_item.content_type', 'DraftIssue', 'Issue', 'PullRequest'),
    creator: optional(login('projects_v2_item.creator.login')),
  },
  only: {
    project_item_archived: { archived_at: time('projects_v2_item.archived_at') },
    project_item_converted: { content_type_before: text('changes.content_type.from', 50) },
    project_item_edited: { field_type: optional(text('changes.field_value.field_type', 50)) },
  },
  time: ['projects_v2_item.updated_at'],
};

export const collaboration: Readonly<Record<string, Kind>> = {
  discussion,
  discussion_comment: discussionComment,
  issue_comment: issueComment,
  issues,
  label: labelKind,
  milestone: milestoneKind,
  project,
  project_card: projectCard,
  project_column: projectColumn,
  projects_v2_item: projectsV2Item,
  pull_request: pullRequest,
  pull_request_review: pullRequestReview,
  pull_request_review_comment: pullRequestReviewComment,
  pull_request_review_thread: pullRequestReviewThread,
};
