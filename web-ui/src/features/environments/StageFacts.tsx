import { Link } from '@tanstack/react-router';
import { ArrowRight, Check, Cpu, Hand, TriangleAlert } from 'lucide-react';
import type { NextRelease } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Badge } from '../../ui/Status';
import { Time } from '../../ui/Time';
import { counted, Prose } from '../changes/SemanticList';
import { FreezeBadge } from '../freezes/useFreeze';
import { DeploymentState } from './DeploymentState';
import type { Placed } from './usePipeline';
import { fleetOf } from './workerStates';

type FactsProps = { app: string; placed: Placed };

/** Since when a stage runs its release, and who put it there. */
export function Since({ placed: { stage, about } }: { placed: Placed }) {
  const deployment = about?.deployment;
  if (!stage.running) return null;
  return (
    <>
      <Time at={deployment?.activated_at ?? stage.running.activated_at} />
      {deployment && (deployment.rolls_back ? ', by itself' : `, by ${deployment.requested_by.name}`)}
    </>
  );
}

/** How the workers of a stage stand. */
export function Fleet({ app, placed: { stage, about } }: FactsProps) {
  if (!about) return null;
  const { tone, text } = fleetOf(about.workers);
  return (
    <Link to={paths.environment(app, stage.id)} className="w-fit rounded hover:underline">
      <Badge tone={tone} icon={Cpu}>
        {text}
      </Badge>
    </Link>
  );
}

/** What holds at a stage or waits there: drift, a deployment under way, a freeze, promotion that is held. */
export function Signals({ app, placed: { stage, about } }: FactsProps) {
  const { running, active_deployment: active } = stage;
  const hasDrift = running && about && about.profile_revision !== running.profile_revision;
  return (
    <>
      {hasDrift && (
        <Link to={paths.profile(app, stage.profile_id)} className="w-fit rounded hover:underline">
          <Badge tone="warn" icon={TriangleAlert}>
            Drift: profile revision {about.profile_revision} does not run
          </Badge>
        </Link>
      )}
      {active && (
        <Link
          to={paths.deployment(app, active.id)}
          className="flex w-fit flex-wrap items-center gap-x-1.5 rounded text-sm hover:underline"
        >
          <DeploymentState deployment={active} />
          <span className="font-mono">{active.tag}</span>
          {active.approvals_required > 0 && (
            <span className="text-soft">
              {active.approvals.length} of {counted(active.approvals_required, 'approval')}
            </span>
          )}
        </Link>
      )}
      <FreezeBadge stage={stage} />
      {stage.promotion_hold && (
        <span className="flex flex-wrap items-center gap-x-1.5 text-sm text-soft">
          <Badge tone="warn" icon={Hand}>
            Promotion held
          </Badge>
          {stage.promotion_hold}
        </span>
      )}
    </>
  );
}

const HELD: Record<NonNullable<NextRelease['held']>['by'], string | undefined> = {
  role: undefined,
  deployment: 'once the deployment under way has ended',
  freeze: 'once the freeze has ended',
};

/** What a stage could take next, and what holds that. */
export function Next({ placed: { stage, before, about } }: { placed: Placed }) {
  if (!about) return null;
  const { next } = about;
  if (!next) {
    if (!stage.running) {
      return <>{before ? `Nothing to promote: ${before.name} is empty` : 'Nothing is published yet'}</>;
    }
    if (before && !before.running) return <>Nothing to promote: {before.name} is empty</>;
    return (
      <span className="inline-flex items-center gap-1">
        <Check aria-hidden size={12} className="text-good" />
        {before ? `Same as ${before.name}` : 'The newest release'}
      </span>
    );
  }
  return (
    <span className="flex gap-1">
      <ArrowRight aria-hidden size={12} className="mt-1 shrink-0 text-info" />
      <span>
        <span className="font-mono text-text">{next.tag}</span> {before ? `from ${before.name}` : 'is published'}
        {next.held && <>, {HELD[next.held.by] ?? <Prose text={next.held.reason} />}</>}
      </span>
    </span>
  );
}
