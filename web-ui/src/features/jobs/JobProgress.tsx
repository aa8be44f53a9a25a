import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { getJobLogsOptions, getJobOptions } from '../../api/gen/@tanstack/react-query.gen';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Panel } from '../../ui/Page';
import { Status } from '../../ui/Status';
import { refresh } from '../../util/follow';

const ENDED = ['succeeded', 'failed', 'canceled'];

/** How a job gets on, with its log; what it changed is read again when it ends. */
export function JobProgress({ app, job, onClose }: { app: string; job: string; onClose?: () => void }) {
  const path = { appId: app, jobId: job };
  const queries = useQueryClient();
  const state = useQuery({
    ...getJobOptions({ path }),
    refetchInterval: ({ state: { data } }) => (ENDED.includes(data?.state ?? '') ? false : 800),
  });
  const hasEnded = ENDED.includes(state.data?.state ?? '');
  const log = useQuery({ ...getJobLogsOptions({ path }), refetchInterval: hasEnded ? false : 800 });
  useEffect(() => {
    if (hasEnded) refresh(queries);
  }, [hasEnded, queries]);
  const lines = typeof log.data === 'object' ? log.data.data : [];
  return (
    <Panel
      title="Progress"
      aside={
        <span className="flex items-center gap-2">
          {state.data && <Status state={state.data.state} />}
          <Link to={paths.job(app, job)} className="text-sm text-accent hover:underline">
            Whole job
          </Link>
          {onClose && hasEnded && (
            <Button small look="quiet" onPress={onClose}>
              Close
            </Button>
          )}
        </span>
      }
    >
      <Log lines={lines.slice(-8)} />
      {state.data?.failure && (
        <p role="alert" className="border-t border-line px-4 py-2 text-bad">
          {state.data.failure.reason}
        </p>
      )}
    </Panel>
  );
}

type Line = { sequence: number; attempt: number; logged_at: string; message: string };

/** The lines of a log. */
export function Log({ lines }: { lines: Line[] }) {
  if (lines.length === 0) return <p className="px-4 py-3 text-soft">Nothing is logged yet.</p>;
  return (
    <ol className="px-4 py-2 font-mono text-sm" aria-live="polite">
      {lines.map((line) => (
        <li key={line.sequence} className="flex gap-3 break-words">
          <span className="shrink-0 text-soft">{line.logged_at.slice(11, 19)}</span>
          <span className="min-w-0 break-words">{line.message}</span>
        </li>
      ))}
    </ol>
  );
}
