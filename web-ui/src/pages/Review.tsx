import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { MessageSquare } from 'lucide-react';
import { useMemo, useState } from 'react';
import {
  getChangesetDiffOptions,
  getChangesetOptions,
  listCommentsOptions,
  listRevisionsOptions,
  meOptions,
} from '../api/gen/@tanstack/react-query.gen';
import type { Changeset, SemanticChange, ValidatedRevision } from '../api/gen/types.gen';
import { Actions } from '../features/changes/Actions';
import { Collisions } from '../features/changes/Findings';
import { ReviewFiles } from '../features/changes/ReviewFiles';
import { SemanticList } from '../features/changes/SemanticList';
import { Approvals, Impacts, Revisions } from '../features/changes/Standing';
import { Thread, threadsOf } from '../features/changes/Thread';
import { useDrafts } from '../features/changes/useDrafts';
import { useKeys } from '../features/shell/useKeys';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Status } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Tabs } from '../ui/Tabs';
import { Time } from '../ui/Time';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

export function Review() {
  const path = { appId: useIdOf('appId'), changesetId: useIdOf('changesetId') };
  const changeset = useQuery({ ...getChangesetOptions({ path }), ...live });
  const revisions = useQuery({ ...listRevisionsOptions({ path }), ...live });
  const crumbs = [{ label: 'Changesets', to: paths.changesets(path.appId) }];
  if (!changeset.data || !revisions.data) {
    return (
      <Page title="Changeset" crumbs={crumbs}>
        <Panel>
          <Loaded query={changeset.data ? revisions : (changeset as typeof revisions)}>{() => null}</Loaded>
        </Panel>
      </Page>
    );
  }
  return <Reviewed path={path} changeset={changeset.data} revisions={revisions.data.data} />;
}

type Path = { appId: string; changesetId: string };
type ReviewedProps = { path: Path; changeset: Changeset; revisions: ValidatedRevision[] };

function Reviewed({ path, changeset, revisions }: ReviewedProps) {
  const [search, change] = useFilters();
  const newest = changeset.revision?.number;
  // What is on the screen stays there when somebody pushes: one decides on what one has read.
  const [first] = useState(newest);
  const shown = search.until ?? first ?? newest;
  const isNewest = shown === newest;
  const range = { ...(search.from ? { from: search.from } : {}), ...(shown ? { to: shown } : {}) };
  const isOn = shown !== undefined;
  const raw = useQuery({
    ...getChangesetDiffOptions({ path, query: { mode: 'raw', ...range } }),
    enabled: isOn,
    staleTime: Number.POSITIVE_INFINITY,
    meta: { isFixed: true },
  });
  const semantic = useQuery({
    ...getChangesetDiffOptions({ path, query: { mode: 'semantic', ...range } }),
    enabled: isOn,
    staleTime: Number.POSITIVE_INFINITY,
    meta: { isFixed: true },
  });
  const comments = useQuery({ ...listCommentsOptions({ path }), ...live });
  const drafts = useDrafts(path);
  const me = useQuery(meOptions());
  const threads = useMemo(() => threadsOf(comments.data?.data ?? []), [comments.data]);
  const files = raw.data && 'files' in raw.data ? raw.data.files : [];
  const jump = (to: SemanticChange) => {
    change(
      { tab: 'files', file: to.filePath, line: to.operation === 'removed' ? undefined : (to.lineStart ?? undefined) },
      true,
    );
  };
  useKeys({ f: () => change({ tab: 'files' }, true) });
  const general = threads.filter((thread) => !thread[0]?.place);
  const canComment = changeset.allowed_actions.includes('comment');
  return (
    <Page
      wide={search.tab === 'files'}
      title={changeset.title}
      crumbs={[{ label: 'Changesets', to: paths.changesets(path.appId) }, { label: `#${changeset.number}` }]}
      status={<Status state={changeset.state} />}
      actions={<Actions path={path} changeset={changeset} shown={shown} isNewest={isNewest} drafts={drafts} />}
      note={
        <>
          {changeset.author.name}, <Time at={changeset.updated_at} />
          {changeset.release_id && (
            <>
              , in{' '}
              <Link to={paths.release(path.appId, changeset.release_id)} className="text-accent hover:underline">
                {changeset.release_tag ?? 'a draft release'}
              </Link>
            </>
          )}
          {me.data?.id === changeset.author.id && (
            <>
              , edited in{' '}
              <Link to={paths.workspace(path.appId, changeset.workspace_id)} className="rounded text-accent underline">
                your workspace
              </Link>
            </>
          )}
        </>
      }
    >
      {!isNewest && newest !== undefined && (
        <div role="status" className="flex flex-wrap items-center gap-3 rounded-md bg-warn-tint px-3 py-2 text-warn">
          <span className="flex-1">
            You look at revision {shown}; the newest is {newest}. Decisions are about the newest only.
          </span>
          <Button small onPress={() => change({ until: newest, from: undefined })}>
            Show revision {newest}
          </Button>
        </div>
      )}
      {changeset.collisions.length > 0 && (
        <Panel title="What it collides with">
          <Collisions list={changeset.collisions} />
        </Panel>
      )}
      <Tabs
        label="Parts of the changeset"
        selected={search.tab ?? 'overview'}
        onSelect={(tab) =>
          change({ tab: tab === 'overview' ? undefined : tab, file: undefined, line: undefined }, true)
        }
        parts={[
          {
            id: 'overview',
            label: 'Overview',
            content: (
              <div className="grid items-start gap-4 lg:grid-cols-[2fr_1fr]">
                <div className="flex min-w-0 flex-col gap-4">
                  <Panel title="Description">
                    <p className="px-4 py-3 break-words whitespace-pre-wrap">
                      {changeset.description || <span className="text-soft">None was given.</span>}
                    </p>
                  </Panel>
                  <Panel title="Conversation">
                    <div className="flex flex-col gap-3 p-3">
                      {general.map((thread) => (
                        <Thread
                          key={thread[0]?.id}
                          app={path.appId}
                          changeset={path.changesetId}
                          comments={thread}
                          canWrite={canComment}
                        />
                      ))}
                      {canComment && <Thread app={path.appId} changeset={path.changesetId} comments={[]} canWrite />}
                    </div>
                  </Panel>
                </div>
                <div className="flex min-w-0 flex-col gap-4">
                  <Approvals path={path} changeset={changeset} />
                  <Revisions list={revisions} />
                </div>
              </div>
            ),
          },
          {
            id: 'files',
            label: 'Files',
            ...(raw.data && 'total' in raw.data ? { count: raw.data.total } : {}),
            content: isOn ? (
              <Loaded query={raw}>
                {() => (
                  <ReviewFiles
                    path={path}
                    files={files}
                    shown={shown}
                    revisions={revisions}
                    threads={threads}
                    drafts={drafts}
                    canComment={canComment && !search.from}
                  />
                )}
              </Loaded>
            ) : (
              <NotSubmitted />
            ),
          },
          {
            id: 'changes',
            label: 'Changes and impact',
            ...(semantic.data && 'summary' in semantic.data ? { count: semantic.data.summary.totalChanges } : {}),
            content: isOn ? (
              <div className="grid items-start gap-4 lg:grid-cols-2">
                <Panel title="In the words of the configuration">
                  <div className="p-3">
                    <Loaded query={semantic}>
                      {(diff) => ('changes' in diff ? <SemanticList diff={diff} onJump={jump} /> : null)}
                    </Loaded>
                  </div>
                </Panel>
                <Impacts path={path} />
              </div>
            ) : (
              <NotSubmitted />
            ),
          },
        ]}
      />
    </Page>
  );
}

const NotSubmitted = () => (
  <Panel>
    <Empty icon={MessageSquare} title="Not submitted yet">
      Submitting freezes the workspace as revision 1; then there is something to read here.
    </Empty>
  </Panel>
);
