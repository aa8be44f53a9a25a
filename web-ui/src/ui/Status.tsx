import {
  Ban,
  CheckCircle2,
  CircleDashed,
  CircleDot,
  Clock,
  type LucideIcon,
  MinusCircle,
  PencilLine,
  TriangleAlert,
  Undo2,
  XCircle,
} from 'lucide-react';

export type Tone = 'good' | 'info' | 'warn' | 'bad' | 'neutral';

const TONES: Record<Tone, string> = {
  good: 'bg-good-tint text-good',
  info: 'bg-info-tint text-info',
  warn: 'bg-warn-tint text-warn',
  bad: 'bg-bad-tint text-bad',
  neutral: 'bg-sunken text-soft',
};

const STATES: Record<string, [Tone, LucideIcon]> = {
  draft: ['neutral', PencilLine],
  draft_release: ['neutral', PencilLine],
  submitted: ['info', Clock],
  in_review: ['info', CircleDot],
  pending_approval: ['info', CircleDot],
  changes_requested: ['warn', PencilLine],
  rejected: ['bad', XCircle],
  approved: ['good', CheckCircle2],
  queued: ['info', Clock],
  conflicted: ['bad', TriangleAlert],
  needs_revalidation: ['warn', TriangleAlert],
  released: ['good', CheckCircle2],
  assembling: ['info', CircleDashed],
  validated: ['good', CheckCircle2],
  publishing: ['info', CircleDashed],
  published: ['good', CheckCircle2],
  deployed_partial: ['good', CheckCircle2],
  deployed_full: ['good', CheckCircle2],
  rolled_back: ['warn', Undo2],
  pending: ['neutral', Clock],
  waiting: ['info', Clock],
  sent: ['good', CheckCircle2],
  running: ['info', CircleDashed],
  succeeded: ['good', CheckCircle2],
  failed: ['bad', XCircle],
  canceled: ['neutral', Ban],
  active: ['good', CheckCircle2],
  superseded: ['neutral', MinusCircle],
  accepted: ['good', CheckCircle2],
  revoked: ['neutral', Ban],
  merged: ['good', CheckCircle2],
  included: ['good', CheckCircle2],
  invalid: ['bad', XCircle],
};

/** A state of the server as a person reads it. */
export const words = (state: string) => {
  const text = state.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** Colour, icon and word: none of them alone carries the meaning. */
export function Status({ state, label }: { state: string; label?: string }) {
  const [tone, icon] = STATES[state] ?? ['neutral', CircleDot];
  return (
    <Badge tone={tone} icon={icon}>
      {label ?? words(state)}
    </Badge>
  );
}

type BadgeProps = { tone?: Tone; icon?: LucideIcon; children: React.ReactNode };

export function Badge({ tone = 'neutral', icon: Icon, children }: BadgeProps) {
  return (
    <span
      className={`inline-flex h-5 items-center gap-1 rounded px-1.5 text-sm font-medium whitespace-nowrap ${TONES[tone]}`}
    >
      {Icon && <Icon aria-hidden size={12} />}
      {children}
    </span>
  );
}
