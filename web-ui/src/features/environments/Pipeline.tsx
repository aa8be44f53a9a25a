import { Link } from '@tanstack/react-router';
import { ArrowDown, ArrowRight, Flag, SlidersHorizontal } from 'lucide-react';
import { paths } from '../../paths';
import { buttonLook } from '../../ui/Button';
import { Badge } from '../../ui/Status';
import { PutOn } from './PutOn';
import { Fleet, Next, Signals, Since } from './StageFacts';
import type { Placed } from './usePipeline';

/** The way from the stage before; it is lit where a release waits to go it. */
function Arrow({ isLit }: { isLit: boolean }) {
  return (
    <span
      aria-hidden
      className={`flex items-center justify-center md:absolute md:top-2.5 md:-left-7 md:w-6 ${isLit ? 'text-info' : 'text-soft'}`}
    >
      <ArrowDown size={16} className="md:hidden" />
      <ArrowRight size={18} className="hidden md:block" />
    </span>
  );
}

/** The stages of an app in order, each with what it runs, what waits there, and what it could take next. */
export function Pipeline({ app, list }: { app: string; list: Placed[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key
    <section aria-label="Pipeline" tabIndex={0} className="-m-1 overflow-x-auto p-1">
      <ol className="flex flex-col gap-2 md:flex-row md:gap-8">
        {list.map((placed, at) => (
          <li key={placed.stage.id} className="relative flex flex-col gap-2 md:min-w-60 md:flex-1">
            {at > 0 && <Arrow isLit={placed.about?.next !== null && placed.about?.next !== undefined} />}
            <Stage app={app} placed={placed} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Stage({ app, placed }: { app: string; placed: Placed }) {
  const { stage, before } = placed;
  const { running } = stage;
  return (
    <div className="flex min-w-0 flex-1 flex-col rounded-lg border border-line bg-panel">
      <div className="flex items-center justify-between gap-2 border-b border-line py-1.5 pr-1.5 pl-3">
        <span className="flex min-w-0 items-baseline gap-2">
          <span className="text-sm text-soft tabular-nums">{stage.position}</span>
          <Link to={paths.environment(app, stage.id)} className="font-semibold break-words hover:underline">
            {stage.name}
          </Link>
        </span>
        <span className="flex items-center gap-1">
          {stage.canonical && (
            <Badge tone="info" icon={Flag}>
              Canonical
            </Badge>
          )}
          <Link
            to={paths.parameters(app, stage.id)}
            aria-label={`Parameters of ${stage.name}`}
            title="Parameters"
            className={buttonLook('quiet', true)}
          >
            <SlidersHorizontal aria-hidden size={14} />
          </Link>
        </span>
      </div>
      <div className="flex flex-1 flex-col items-start gap-1.5 px-3 py-2.5">
        {running ? (
          <div>
            <Link
              to={paths.release(app, running.release_id)}
              className="font-mono text-lg font-semibold hover:underline"
            >
              {running.release_tag}
            </Link>
            <p className="text-sm text-soft">
              <Since placed={placed} />
            </p>
            <p className="text-sm text-soft">
              Version {running.config_version}, profile revision {running.profile_revision}
            </p>
          </div>
        ) : (
          <p className="text-soft">Nothing runs here yet</p>
        )}
        {running && <Fleet app={app} placed={placed} />}
        <Signals app={app} placed={placed} />
      </div>
      <div className="flex border-t border-line px-3 py-2 text-sm text-soft">
        <Next placed={placed} />
      </div>
      <div className="flex flex-wrap gap-1.5 px-3 pb-2.5 empty:hidden">
        <PutOn app={app} stage={stage} before={before} small />
      </div>
    </div>
  );
}
