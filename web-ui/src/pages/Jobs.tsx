import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Wrench } from 'lucide-react';
import { listJobsOptions } from '../api/gen/@tanstack/react-query.gen';
import type { ListJobsData } from '../api/gen/types.gen';
import { About } from '../features/jobs/About';
import { useSubjects } from '../features/jobs/useSubjects';
import { paths } from '../paths';
import { Select } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Status, words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager, Table } from '../ui/Table';
import { Time } from '../ui/Time';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

const TYPES = [
  'msuite_submit',
  'revalidate_queued_changeset',
  'release_assemble',
  'release_publish',
  'deploy_release',
  'send_notification',
];
const STATES = ['queued', 'running', 'succeeded', 'failed', 'canceled'];
const NAMES: Record<string, string> = { msuite_submit: 'Submit validation' };
type Query = NonNullable<ListJobsData['query']>;

/** The id of what a job is about. */
const idIn = (subject: unknown) => {
  const { changeset_id, release_id, deployment_id } = subject as Record<string, string | undefined>;
  return changeset_id ?? release_id ?? deployment_id;
};

/** What a kind of job is called. */
export const jobName = (type: string) => NAMES[type] ?? words(type);

export function Jobs() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const query = {
    page: search.page ?? 1,
    limit: 50,
    ...(search.type ? { type: search.type } : {}),
    ...(search.state ? { state: search.state } : {}),
  } as Query;
  const jobs = useQuery({ ...listJobsOptions({ path: { appId }, query }), ...live });
  const subjectOf = useSubjects(appId);
  const choices = (any: string, list: string[], name: (one: string) => string) => [
    { value: '', label: any },
    ...list.map((one) => ({ value: one, label: name(one) })),
  ];
  return (
    <Page title="Jobs" note="Long work that the server does by itself, each with its log.">
      <Panel
        title="Newest first"
        aside={
          <span className="flex flex-wrap gap-2">
            <Select
              label="Kind"
              hideLabel
              value={search.type ?? ''}
              onChange={(event) => change({ type: event.target.value, page: undefined })}
              choices={choices('Any kind', TYPES, jobName)}
            />
            <Select
              label="State"
              hideLabel
              value={search.state ?? ''}
              onChange={(event) => change({ state: event.target.value, page: undefined })}
              choices={choices('Any state', STATES, words)}
            />
          </span>
        }
      >
        <Loaded query={jobs} rows={8}>
          {({ data, page, limit, total }) =>
            data.length === 0 ? (
              <Empty icon={Wrench} title="No such jobs" />
            ) : (
              <>
                <Table label="Jobs" head={['Kind', 'About', 'State', 'Attempt', 'Asked for', 'Ended']}>
                  {data.map((job) => (
                    <tr key={job.id}>
                      <td>
                        <Link to={paths.job(appId, job.id)} className="font-medium hover:underline">
                          {jobName(job.type)}
                        </Link>
                        {job.failure && <span className="block max-w-md text-sm text-bad">{job.failure.reason}</span>}
                      </td>
                      <td>
                        <About subject={subjectOf(idIn(job.subject))} />
                      </td>
                      <td>
                        <Status state={job.state} />
                      </td>
                      <td>{job.attempt}</td>
                      <td className="text-soft">
                        <Time at={job.created_at} />
                      </td>
                      <td className="text-soft">{job.finished_at && <Time at={job.finished_at} />}</td>
                    </tr>
                  ))}
                </Table>
                <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
              </>
            )
          }
        </Loaded>
      </Panel>
    </Page>
  );
}
