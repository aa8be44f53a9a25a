import { useQuery } from '@tanstack/react-query';
import { getJobLogsOptions, getJobOptions } from '../api/gen/@tanstack/react-query.gen';
import { cancelJob } from '../api/gen/sdk.gen';
import { Findings } from '../features/changes/Findings';
import { About } from '../features/jobs/About';
import { Log } from '../features/jobs/JobProgress';
import { jobName } from '../features/jobs/kinds';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Status } from '../ui/Status';
import { Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
import { useIdOf } from '../util/where';

export function JobPage() {
  const path = { appId: useIdOf('appId'), jobId: useIdOf('jobId') };
  const job = useQuery({ ...getJobOptions({ path }), ...live });
  // Lines are not events: while there may be more, they are asked for.
  const isRunning = ['queued', 'running'].includes(job.data?.state ?? '');
  const log = useQuery({ ...getJobLogsOptions({ path }), refetchInterval: isRunning ? 1_000 : false });
  const cancel = useAct(() => cancelJob({ path, body: {} }), { done: 'Canceled' });
  return (
    <Page
      title={job.data ? jobName(job.data.type) : 'Job'}
      crumbs={[{ label: 'Jobs', to: paths.jobs(path.appId) }]}
      status={job.data && <Status state={job.data.state} />}
      note={
        job.data && (
          <>
            {job.data.about && (
              <>
                <About app={path.appId} thing={job.data.about} />
                {', '}
              </>
            )}
            attempt {job.data.attempt}, asked for <Time at={job.data.created_at} />
            {job.data.asked_by && ` by ${job.data.asked_by.name}`}
          </>
        )
      }
      actions={
        job.data?.allowed_actions.includes('cancel') && (
          <Button look="danger" isPending={cancel.isPending} onPress={() => cancel.mutate()}>
            Cancel
          </Button>
        )
      }
    >
      {job.data?.failure && (
        <Panel title="Why it failed">
          <p className="px-4 py-3 break-words text-bad">{job.data.failure.reason}</p>
          <Findings list={job.data.failure.findings} />
        </Panel>
      )}
      <Panel title="Log">
        <Loaded query={log}>{(data) => <Log lines={typeof data === 'object' ? data.data : []} />}</Loaded>
      </Panel>
      {job.data?.result !== null && job.data?.result !== undefined && (
        <Panel title="Result">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key */}
          <pre tabIndex={0} className="overflow-x-auto px-4 py-3 font-mono text-sm">
            {JSON.stringify(job.data.result, null, 2)}
          </pre>
        </Panel>
      )}
    </Page>
  );
}
