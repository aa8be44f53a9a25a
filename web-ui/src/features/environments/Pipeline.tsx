import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ArrowRight, ChevronRight, Cpu, Flag, SlidersHorizontal } from 'lucide-react';
import { listWorkersOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Environment } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { buttonLook } from '../../ui/Button';
import { Badge, Status } from '../../ui/Status';
import { Time } from '../../ui/Time';
import { live } from '../../util/act';
import { FreezeBadge } from '../freezes/useFreeze';
import { PutOn } from './PutOn';
import { fleetOf } from './workerStates';

/** How the workers of a stage stand. */
function Fleet({ app, stage }: { app: string; stage: Environment }) {
  const workers = useQuery({ ...listWorkersOptions({ path: { appId: app, envId: stage.id } }), ...live });
  if (!workers.data) return null;
  const { tone, text } = fleetOf(workers.data.data);
  return (
    <Link to={paths.environment(app, stage.id)} className="w-fit rounded hover:underline">
      <Badge tone={tone} icon={Cpu}>
        {text}
      </Badge>
    </Link>
  );
}

/** The stages of an app in order, each with what it runs and what can be done about it. */
export function Pipeline({ app, stages }: { app: string; stages: Environment[] }) {
  return (
    <ol className="grid gap-3 gap-x-4 [grid-template-columns:repeat(auto-fit,minmax(15rem,1fr))]">
      {stages.map((stage, at) => {
        const before = stages[at - 1];
        const { running, active_deployment: active } = stage;
        const isAhead = before?.running && before.running.release_id !== running?.release_id;
        return (
          <li key={stage.id} className="relative flex flex-col rounded-lg border border-line bg-panel">
            {at > 0 && (
              <span
                aria-hidden
                className="absolute top-2 -left-[1.1875rem] hidden size-6 items-center justify-center rounded-full border border-line bg-panel text-soft sm:flex"
              >
                <ChevronRight size={14} />
              </span>
            )}
            <div className="flex items-center justify-between gap-2 border-b border-line px-3 py-2">
              <span className="flex items-center gap-2">
                <span className="text-sm text-soft tabular-nums">{stage.position}</span>
                <Link to={paths.environment(app, stage.id)} className="font-semibold hover:underline">
                  {stage.name}
                </Link>
              </span>
              {stage.canonical && (
                <Badge tone="info" icon={Flag}>
                  Canonical
                </Badge>
              )}
            </div>
            <div className="flex flex-1 flex-col gap-1 px-3 py-2.5">
              {running ? (
                <>
                  <Link
                    to={paths.release(app, running.release_id)}
                    className="font-mono text-lg font-semibold hover:underline"
                  >
                    {running.release_tag}
                  </Link>
                  <span className="text-sm text-soft">
                    Version {running.config_version}, profile revision {running.profile_revision}
                  </span>
                  <span className="text-sm text-soft">
                    Since <Time at={running.activated_at} />
                  </span>
                </>
              ) : (
                <span className="text-soft">Nothing runs here yet</span>
              )}
              {running && <Fleet app={app} stage={stage} />}
              {active && (
                <span className="mt-1 flex flex-wrap items-center gap-1.5 text-sm">
                  <Status state={active.state} /> {active.tag}
                  {active.approvals_required > 0 &&
                    `, ${active.approvals.length} of ${active.approvals_required} approvals`}
                </span>
              )}
              <FreezeBadge stage={stage} />
              {stage.promotion_hold && <Badge tone="warn">Promotion held: {stage.promotion_hold}</Badge>}
              {isAhead && (
                <span className="mt-1 flex items-center gap-1 text-sm text-info">
                  <ArrowRight aria-hidden size={12} /> {before.name} runs {before.running?.release_tag}
                </span>
              )}
            </div>
            <div className="flex flex-wrap gap-1.5 border-t border-line px-3 py-2">
              <PutOn app={app} stage={stage} before={before} small />
              <Link to={paths.parameters(app, stage.id)} className={buttonLook('plain', true)}>
                <SlidersHorizontal aria-hidden size={14} /> Parameters
              </Link>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
