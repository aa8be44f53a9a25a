import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Boxes, Inbox, Plus } from 'lucide-react';
import {
  listAppsOptions,
  listChangesetsOptions,
  listDraftsOptions,
  listEnvironmentsOptions,
  meOptions,
} from '../api/gen/@tanstack/react-query.gen';
import { ChangesetRows } from '../features/changes/ChangesetRows';
import { waitsFor } from '../features/changes/waiting';
import { StageChips } from '../features/environments/StageChips';
import { paths } from '../paths';
import { buttonLook } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Status, words } from '../ui/Status';
import { Empty, ErrorPanel, Loaded, Skeleton } from '../ui/states';
import { Time } from '../ui/Time';
import { live } from '../util/act';

/** States in which a changeset waits for somebody. */
const OPEN = ['in_review', 'approved', 'conflicted', 'needs_revalidation', 'changes_requested', 'draft'];

export function Home() {
  const me = useQuery(meOptions());
  const apps = useQuery(listAppsOptions({ query: { limit: 200 } }));
  const list = apps.data?.data ?? [];
  const changesets = useQueries({
    queries: list.map(({ id }) => ({
      ...listChangesetsOptions({ path: { appId: id }, query: { limit: 200 } }),
      ...live,
    })),
  });
  const environments = useQueries({
    queries: list.map(({ id }) => ({ ...listEnvironmentsOptions({ path: { appId: id } }), ...live })),
  });
  const stages = list.flatMap(({ id }, at) =>
    (environments[at]?.data?.data ?? []).map((stage) => ({ app: id, stage })),
  );
  const drafts = useQueries({
    queries: stages.map(({ app, stage }) => ({
      ...listDraftsOptions({ path: { appId: app, envId: stage.id }, query: { state: 'pending_approval' } }),
      ...live,
    })),
  });
  const waitingDrafts = stages.flatMap(({ app, stage }, at) =>
    (drafts[at]?.data?.data ?? [])
      .filter(({ allowed_actions }) => allowed_actions.includes('approve'))
      .map((draft) => ({ app, stage, draft })),
  );
  const waiting = list.map((app, at) => ({
    app,
    changesets: (changesets[at]?.data?.data ?? []).filter((one) => OPEN.includes(one.state) && waitsFor(one)),
  }));
  const isWaiting = waitingDrafts.length > 0 || waiting.some((one) => one.changesets.length > 0);
  const failed = changesets.find((query) => query.isError && !query.data);
  const canCreate = me.data?.allowed_actions.includes('create_app');
  return (
    <Page
      title="Home"
      actions={
        canCreate && (
          <Link to={paths.newApp} className={buttonLook('plain')}>
            <Plus aria-hidden size={14} /> New app
          </Link>
        )
      }
    >
      <Panel title="Waiting for me">
        {failed && <ErrorPanel error={failed.error} />}
        {(apps.isPending || changesets.some((query) => query.isPending)) && <Skeleton />}
        {apps.isSuccess && !failed && !isWaiting && changesets.every((query) => query.isSuccess) && (
          <Empty icon={Inbox} title="Nothing waits for you">
            Reviews, drafts to approve, conflicts and changesets to queue appear here.
          </Empty>
        )}
        {waitingDrafts.map(({ app, stage, draft }) => (
          <Link
            key={draft.id}
            to={paths.draft(app, stage.id, draft.id)}
            className="flex flex-wrap items-center gap-3 border-b border-line px-4 py-2 hover:bg-hover"
          >
            <span className="min-w-48 flex-1">
              <span className="font-medium">
                {Object.keys(draft.changes).join(', ')} in {stage.name}
              </span>
              <span className="block text-sm text-soft">
                {draft.edited_by.name}, <Time at={draft.created_at} />: {draft.reason}
              </span>
            </span>
            <Status state={draft.state} />
          </Link>
        ))}
        {waiting.map(
          ({ app, changesets: ours }) =>
            ours.length > 0 && (
              <div key={app.id}>
                {list.length > 1 && <h3 className="px-4 pt-3 text-sm text-soft">{app.name}</h3>}
                <ChangesetRows app={app.id} list={ours} />
              </div>
            ),
        )}
      </Panel>
      <h2 className="text-lg">Apps</h2>
      <Loaded query={apps}>
        {({ data }) =>
          data.length === 0 ? (
            <Panel>
              <Empty icon={Boxes} title="You are in no app yet">
                {canCreate ? (
                  <Link to={paths.newApp} className="text-accent underline">
                    Make the first one
                  </Link>
                ) : (
                  'Ask an app admin for an invite.'
                )}
              </Empty>
            </Panel>
          ) : (
            <ul className="grid gap-3 sm:grid-cols-2">
              {data.map((app, at) => (
                <li key={app.id}>
                  <Link
                    to={paths.app(app.id)}
                    className="flex h-full flex-col gap-3 rounded-lg border border-line bg-panel p-4 hover:border-edge"
                  >
                    <span className="flex items-baseline justify-between gap-2">
                      <span className="text-lg font-semibold">{app.name}</span>
                      <span className="text-sm text-soft">{words(app.role)}</span>
                    </span>
                    <StageChips stages={environments[at]?.data?.data ?? []} />
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Page>
  );
}
