import { Link } from '@tanstack/react-router';
import type { DeploymentStep } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { actionIn } from '../audit/kinds';
import { lasted } from './steps';

const EVENTS: Record<string, string> = {
  'deployment.requested': 'Asked for',
  'deployment.rollback_started': 'Asked for, because workers refused what ran',
  'deployment.succeeded': 'Active: workers can have it',
};

const clock = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });

type LogProps = { path: { appId: string; deploymentId: string }; steps: DeploymentStep[] };

/** What happened to a deployment, step by step: when, how long after the step before, and what its job said. */
export function DeploymentLog({ path, steps }: LogProps) {
  const jobs = [...new Set(steps.flatMap((step) => (step.kind === 'line' ? [step.job_id] : [])))];
  return (
    <>
      <ol className="py-1">
        {steps.map((step, at) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: what happened does not move any more
            key={at}
            className="grid gap-x-4 px-4 py-1 sm:grid-cols-[13rem_5rem_1fr]"
          >
            <time dateTime={step.at} className="text-sm text-soft tabular-nums">
              {clock.format(new Date(step.at))}
            </time>
            <span className="text-sm text-soft tabular-nums max-sm:hidden">
              {at > 0 && `+${lasted(steps[at - 1]?.at ?? step.at, step.at)}`}
            </span>
            {step.kind === 'event' ? (
              <span className="min-w-0 font-medium break-words">
                {EVENTS[step.action] ?? actionIn('deployment', step.action)}
                {step.by !== 'system' && <span className="font-normal text-soft">, by {step.by}</span>}
              </span>
            ) : (
              <span className="min-w-0 font-mono text-sm break-words text-soft">
                {step.attempt > 1 && `Attempt ${step.attempt}: `}
                {step.message}
              </span>
            )}
          </li>
        ))}
      </ol>
      <p className="flex flex-wrap gap-3 border-t border-line px-4 py-2 text-sm">
        {jobs.map((job) => (
          <Link key={job} to={paths.job(path.appId, job)} className="rounded text-accent hover:underline">
            The whole job
          </Link>
        ))}
        <Link
          to={paths.audit(path.appId)}
          search={{ q: path.deploymentId } as never}
          className="rounded text-accent hover:underline"
        >
          In the audit log
        </Link>
      </p>
    </>
  );
}
