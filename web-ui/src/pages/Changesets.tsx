import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { GitPullRequestArrow } from 'lucide-react';
import { listChangesetsOptions } from '../api/gen/@tanstack/react-query.gen';
import type { ListChangesetsData } from '../api/gen/types.gen';
import { ChangesetRows } from '../features/changes/ChangesetRows';
import { paths } from '../paths';
import { buttonLook } from '../ui/Button';
import { Select } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager } from '../ui/Table';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

const STATES = [
  'draft',
  'submitted',
  'in_review',
  'changes_requested',
  'rejected',
  'approved',
  'queued',
  'conflicted',
  'needs_revalidation',
  'released',
];

type Query = NonNullable<ListChangesetsData['query']>;

export function Changesets() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const query = { page: search.page ?? 1, limit: 50, ...(search.state ? { state: search.state } : {}) } as Query;
  const list = useQuery({ ...listChangesetsOptions({ path: { appId }, query }), ...live });
  return (
    <Page
      title="Changesets"
      actions={
        <Link to={paths.workspaces(appId)} className={buttonLook('plain')}>
          Edit in a workspace
        </Link>
      }
    >
      <Panel
        title={search.state ? words(search.state) : 'All'}
        aside={
          <div className="w-44">
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
          </div>
        }
      >
        <Loaded query={list} rows={8}>
          {({ data, page, limit, total }) => (
            <>
              {data.length === 0 ? (
                <Empty icon={GitPullRequestArrow} title={search.state ? 'None is in that state' : 'No changesets yet'}>
                  Changesets are made of edits in a workspace.
                </Empty>
              ) : (
                <ChangesetRows app={appId} list={data} />
              )}
              <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
            </>
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}
