import {
  CircleDot,
  GitMerge,
  ListOrdered,
  type LucideIcon,
  MailQuestion,
  MessageSquareReply,
  Package,
  PencilLine,
  RefreshCw,
  ShieldCheck,
  TriangleAlert,
} from 'lucide-react';
import type { Waiting, WaitingKind } from '../../api/gen/types.gen';

type Ask = { words: string; icon: LucideIcon };

/** What somebody is waited for, in one or two words. */
export const ASKS: Record<WaitingKind, Ask> = {
  approve_values: { words: 'Approve values', icon: ShieldCheck },
  approve_deployment: { words: 'Approve deployment', icon: ShieldCheck },
  review: { words: 'Review', icon: CircleDot },
  solve_conflict: { words: 'Solve the conflict', icon: TriangleAlert },
  mend_findings: { words: 'Mend findings', icon: TriangleAlert },
  answer_review: { words: 'Answer the review', icon: MessageSquareReply },
  sync: { words: 'Sync, then queue', icon: RefreshCw },
  queue: { words: 'Queue', icon: ListOrdered },
  submit: { words: 'Submit', icon: PencilLine },
  draft_release: { words: 'Draft a release', icon: Package },
  assemble: { words: 'Compose', icon: GitMerge },
  publish: { words: 'Publish', icon: Package },
  resend_invite: { words: 'Invite again', icon: MailQuestion },
};

const count = (given: number, required: number) => `${given} of ${required} approvals`;

/** Who asked, and what else helps to decide whether to look now. */
export function by({ who, reason, approvals, deployment_kind }: Waiting): string {
  const told = [
    deployment_kind?.replaceAll('_', ' '),
    reason,
    approvals ? count(approvals.given, approvals.required) : undefined,
  ].filter(Boolean);
  return [who?.name, told.join(', ')].filter(Boolean).join(': ');
}

/** What waits, as a person calls it. */
export function titleOf({ kind, title, environment }: Waiting): string {
  if (kind === 'approve_values') return `${title} in ${environment?.name}`;
  if (kind === 'approve_deployment') return `${title} on ${environment?.name}`;
  if (kind === 'assemble' || kind === 'publish') return title ? `Release of ${title}` : 'Release without changesets';
  if (kind === 'draft_release') return `${title} in the queue`;
  return title;
}
