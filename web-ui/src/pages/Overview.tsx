import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Boxes, GitPullRequestArrow, PackageCheck } from 'lucide-react';
import { getAppOptions, listChangesetsOptions, listReleasesOptions } from '../api/gen/@tanstack/react-query.gen';
import { ChangesetRows } from '../features/changes/ChangesetRows';
import { ReleaseGrid } from '../features/environments/ReleaseGrid';
import { Stages, StageViews } from '../features/environments/Stages';
import { usePipeline } from '../features/environments/usePipeline';
import { ReleaseRows } from '../features/releases/ReleaseRows';
import { paths } from '../paths';
import { Page, Panel } from '../ui/Page';
import { Badge, words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

/** States of a release that is not published yet: those that are stand by their stages. */
const MAKING = 'draft_release,assembling,validated,publishing';

export function Overview() {
  const appId = useIdOf('appId');
  const path = { appId };
  const app = useQuery(getAppOptions({ path }));
  const [search, change] = useFilters();
  const { stages, pipeline } = usePipeline(appId, search.page ?? 1, 5);
  const changesets = useQuery({ ...listChangesetsOptions({ path, query: { limit: 8 } }), ...live });
  const releases = useQuery({ ...listReleasesOptions({ path, query: { limit: 5, state: MAKING } }), ...live });
  const all = (to: string) => (
    <Link to={to} className="rounded text-sm text-accent hover:underline">
      See all
    </Link>
  );
  return (
    <Page
      title={app.data?.name ?? 'App'}
      status={app.data && <Badge>{words(app.data.role)}</Badge>}
      note={
        app.data && (
          <>
            Releases land on <code className="font-mono text-sm">{app.data.settings.integration_branch}</code>; a
            changeset needs {app.data.settings.required_approval_count}{' '}
            {app.data.settings.required_approval_count === 1 ? 'approval' : 'approvals'}.
          </>
        )
      }
      actions={(stages.data?.data.length ?? 0) > 0 && <StageViews />}
    >
      <Loaded query={stages}>
        {({ data }) =>
          data.length === 0 ? (
            <Panel>
              <Empty icon={Boxes} title="No environments yet">
                <Link to={paths.environments(appId)} className="text-accent underline">
                  Lay out the pipeline
                </Link>
                , so that releases have somewhere to run.
              </Empty>
            </Panel>
          ) : (
            <>
              <Stages app={appId} stages={data} pipeline={pipeline.data} />
              <Loaded query={pipeline}>
                {(told) => (
                  <ReleaseGrid app={appId} stages={data} pipeline={told} onPage={(page) => change({ page })} />
                )}
              </Loaded>
            </>
          )
        }
      </Loaded>
      <div className="grid items-start gap-4 lg:grid-cols-[3fr_2fr]">
        <Panel title="Recent changesets" aside={all(paths.changesets(appId))}>
          <Loaded query={changesets}>
            {({ data }) =>
              data.length === 0 ? (
                <Empty icon={GitPullRequestArrow} title="No changesets yet">
                  <Link to={paths.workspaces(appId)} className="text-accent underline">
                    Edit files in your workspace
                  </Link>{' '}
                  and submit them.
                </Empty>
              ) : (
                <ChangesetRows app={appId} list={data} />
              )
            }
          </Loaded>
        </Panel>
        <Panel title="Releases in the making" aside={all(paths.releases(appId))}>
          <Loaded query={releases}>
            {({ data }) =>
              data.length === 0 ? (
                <Empty icon={PackageCheck} title="None is in the making">
                  Pick changesets from the{' '}
                  <Link to={paths.queue(appId)} className="text-accent underline">
                    queue
                  </Link>{' '}
                  to compose one.
                </Empty>
              ) : (
                <ReleaseRows app={appId} list={data} stages={stages.data?.data ?? []} />
              )
            }
          </Loaded>
        </Panel>
      </div>
    </Page>
  );
}
