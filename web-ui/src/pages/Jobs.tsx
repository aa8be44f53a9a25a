import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Wrench } from 'lucide-react';
import { listJobsOptions } from '../api/gen/@tanstack/react-query.gen';
import type { ListJobsData } from '../api/gen/types.gen';
import { About } from '../features/jobs/About';
import { jobName, KINDS, kindsIn, kindsTold } from '../features/jobs/kinds';
import { paths } from '../paths';
import { Select } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Status, words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager, Table } from '../ui/Table';
import { Time } from '../ui/Time';
import { Toggles } from '../ui/Toggles';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

const STATES = ['queued', 'running', 'succeeded', 'failed', 'canceled'];
type Query = NonNullable<ListJobsData['query']>;

export function Jobs() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const kinds = kindsIn(search.type);
  const query = {
    page: search.page ?? 1,
    limit: 50,
    type: kinds.join(','),
    ...(search.state ? { state: search.state } : {}),
  } as Query;
  const jobs = useQuery({ ...listJobsOptions({ path: { appId }, query }), ...live, placeholderData: keepPreviousData });
  return (
    <Page title="Jobs" note="Long work that the server does by itself, each with its log.">
      <Panel
        title="Newest first"
        aside={
          <Select
            label="State"
            hideLabel
            value={search.state ?? ''}
            onChange={(event) => change({ state: event.target.value, page: undefined })}
            choices={[
              { value: '', label: 'Any state' },
              ...STATES.map((state) => ({ value: state, label: words(state) })),
            ]}
          />
        }
      >
        <div className="border-b border-line px-4 py-2">
          <Toggles
            label="Kinds"
            choices={KINDS.map((kind) => ({ value: kind, label: jobName(kind) }))}
            picked={kinds}
            onPick={(picked) => change({ type: kindsTold(picked), page: undefined })}
          />
        </div>
        <Loaded query={jobs} rows={8}>
          {({ data, page, limit, total }) =>
            data.length === 0 ? (
              <Empty icon={Wrench} title="No such jobs">
                Pick other kinds, or another state.
              </Empty>
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
                        <About app={appId} thing={job.about} />
                      </td>
                      <td>
                        <Status state={job.state} />
                      </td>
                      <td>{job.attempt}</td>
                      <td className="text-soft">
                        <Time at={job.created_at} />
                        {job.asked_by && <span className="block">{job.asked_by.name}</span>}
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
