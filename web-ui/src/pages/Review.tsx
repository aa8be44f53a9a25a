import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Check, Columns2, MessageSquare, Rows3 } from 'lucide-react';
import { useEffect, useState } from 'react';
import {
  getChangesetDiffOptions,
  getChangesetOptions,
  listCommentsOptions,
  listReviewsOptions,
  listRevisionsOptions,
} from '../api/gen/@tanstack/react-query.gen';
import {
  analyzeChangeset,
  cloneChangeset,
  moveChangesetToDraft,
  queueChangeset,
  resubmitChangeset,
  reviewChangeset,
  submitChangeset,
} from '../api/gen/sdk.gen';
import type { Changeset, FileDiff, SemanticChange, ValidatedRevision, Verdict } from '../api/gen/types.gen';
import { anchorOf, FileDiffView, type Threads } from '../features/changes/FileDiffs';
import { Collisions, Findings } from '../features/changes/Findings';
import { Prose, SemanticList } from '../features/changes/SemanticList';
import { Thread, threadsOf } from '../features/changes/Thread';
import { useViewed } from '../features/changes/useViewed';
import { useKeys } from '../features/shell/useKeys';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Select, TextArea } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Badge, Status, words } from '../ui/Status';
import { Empty, FormError, Loaded } from '../ui/states';
import { Tabs } from '../ui/Tabs';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
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
  });
  const semantic = useQuery({
    ...getChangesetDiffOptions({ path, query: { mode: 'semantic', ...range } }),
    enabled: isOn,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const comments = useQuery({ ...listCommentsOptions({ path }), ...live });
  const threads = threadsOf(comments.data?.data ?? []);
  const files = raw.data && 'files' in raw.data ? raw.data.files : [];
  const jump = (to: SemanticChange) => {
    change(
      { tab: 'files', file: to.filePath, line: to.operation === 'removed' ? undefined : (to.lineStart ?? undefined) },
      true,
    );
  };
  const general = threads.filter((thread) => !thread[0]?.place);
  const canComment = changeset.allowed_actions.includes('comment');
  return (
    <Page
      wide={search.tab === 'files'}
      title={changeset.title}
      crumbs={[{ label: 'Changesets', to: paths.changesets(path.appId) }, { label: `#${changeset.number}` }]}
      status={<Status state={changeset.state} />}
      actions={<Actions path={path} changeset={changeset} shown={shown} isNewest={isNewest} />}
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
                  <Files
                    path={path}
                    files={files}
                    shown={shown}
                    revisions={revisions}
                    threads={threads}
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

function Files({
  path,
  files,
  shown,
  revisions,
  threads,
  canComment,
}: {
  path: Path;
  files: FileDiff[];
  shown: number;
  revisions: ValidatedRevision[];
  threads: ReturnType<typeof threadsOf>;
  canComment: boolean;
}) {
  const [search, change] = useFilters();
  const viewed = useViewed(path.changesetId);
  const isSplit = search.view === 'split';
  const at = files.findIndex((file) => file.path === search.file);
  const go = (step: number) => {
    const file = files[Math.min(Math.max(at + step, 0), files.length - 1)];
    if (file) change({ file: file.path, line: undefined });
  };
  const goThread = (step: number) => {
    const open = [...document.querySelectorAll<HTMLElement>('[data-open-thread]')];
    const here = open.indexOf(document.activeElement as HTMLElement);
    open[(here + step + open.length) % open.length]?.focus();
  };
  useKeys({
    j: () => go(1),
    k: () => go(-1),
    n: () => goThread(1),
    p: () => goThread(-1),
    v: () => {
      const file = files[at];
      if (file) viewed.set(file, !viewed.has(file));
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: once the files are there, the address leads to a place in them
  useEffect(() => {
    if (!search.file) return;
    const place =
      document.getElementById(anchorOf(search.file, search.line)) ?? document.getElementById(anchorOf(search.file));
    place?.scrollIntoView({ block: search.line ? 'center' : 'start' });
  }, [search.file, search.line, files.length]);
  const rendered: Threads = {
    canWrite: canComment,
    at: (place) =>
      threads.filter(([first]) => first?.place?.path === place.path && first.place.line === place.line).flat(),
    render: (place, _, isNew, close) => (
      <div className="flex flex-col gap-2">
        {threads
          .filter(([first]) => first?.place?.path === place.path && first.place.line === place.line)
          .map((thread) => (
            <Thread
              key={thread[0]?.id}
              app={path.appId}
              changeset={path.changesetId}
              comments={thread}
              canWrite={canComment}
            />
          ))}
        {isNew && (
          <Thread
            app={path.appId}
            changeset={path.changesetId}
            comments={[]}
            place={{ path: place.path, line: place.line, revision: shown }}
            canWrite
            onClose={close}
          />
        )}
      </div>
    ),
  };
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-end gap-3">
        <div className="w-44">
          <Select
            label="Compare"
            value={search.from ?? ''}
            onChange={(event) => change({ from: Number(event.target.value) || undefined })}
            choices={[
              { value: '', label: 'Baseline' },
              ...revisions
                .filter((one) => one.number < shown)
                .map((one) => ({ value: String(one.number), label: `Revision ${one.number}` })),
            ]}
          />
        </div>
        <div className="w-44">
          <Select
            label="with"
            value={shown}
            onChange={(event) => change({ until: Number(event.target.value), from: undefined })}
            choices={revisions.map((one) => ({ value: String(one.number), label: `Revision ${one.number}` }))}
          />
        </div>
        <Button icon={isSplit ? Rows3 : Columns2} onPress={() => change({ view: isSplit ? undefined : 'split' })}>
          {isSplit ? 'Unified' : 'Side by side'}
        </Button>
        <p className="ml-auto text-sm text-soft">
          {files.filter((file) => viewed.has(file)).length} of {files.length} viewed
        </p>
      </div>
      {files.length === 0 && (
        <Panel>
          <Empty icon={Check} title="No file differs" />
        </Panel>
      )}
      {files.map((file) => (
        <FileDiffView
          key={file.path}
          file={file}
          isSplit={isSplit}
          isViewed={viewed.has(file)}
          onViewed={(value) => viewed.set(file, value)}
          threads={rendered}
        />
      ))}
    </div>
  );
}

function Impacts({ path }: { path: Path }) {
  const impacts = useQuery({
    queryKey: ['impact', path],
    queryFn: async () => (await analyzeChangeset({ path, query: { limit: 200 } })).data,
    staleTime: 60_000,
  });
  return (
    <Panel title="What it may break">
      <Loaded query={impacts}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon={Check} title="Nothing refers to what changes" />
          ) : (
            <ul>
              {data.map((impact) => (
                <li
                  key={impact.change_id + impact.subject}
                  className="flex gap-2 border-t border-line px-4 py-2 first:border-t-0"
                >
                  <span>
                    <Badge
                      tone={impact.severity === 'critical' ? 'bad' : impact.severity === 'warning' ? 'warn' : 'info'}
                    >
                      {words(impact.severity)}
                    </Badge>
                  </span>
                  <span className="min-w-0 break-words">
                    <Prose text={impact.description} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}

function Approvals({ path, changeset }: { path: Path; changeset: Changeset }) {
  const reviews = useQuery({ ...listReviewsOptions({ path }), ...live });
  const missing = changeset.approvals_required - changeset.approvals.length;
  return (
    <Panel title={`Approvals: ${changeset.approvals.length} of ${changeset.approvals_required}`}>
      <ul className="px-4 py-2">
        {(reviews.data?.data ?? []).map((review) => (
          <li key={review.id} className="flex flex-wrap items-center gap-2 py-1">
            <Status
              state={
                review.verdict === 'approve'
                  ? 'approved'
                  : review.verdict === 'reject'
                    ? 'rejected'
                    : 'changes_requested'
              }
            />
            <span className="min-w-0 flex-1">
              {review.reviewer.name} on revision {review.revision}
              {review.comment && <span className="block break-words text-soft">{review.comment}</span>}
            </span>
          </li>
        ))}
        {missing > 0 && (
          <li className="py-1 text-soft">{missing === 1 ? 'One approval is' : `${missing} approvals are`} missing.</li>
        )}
      </ul>
    </Panel>
  );
}

function Revisions({ list }: { list: ValidatedRevision[] }) {
  return (
    <Panel title="Revisions">
      {list.length === 0 && <p className="px-4 py-3 text-soft">None is submitted yet.</p>}
      <ul>
        {[...list].reverse().map((revision) => (
          <li key={revision.number} className="border-t border-line first:border-t-0">
            <div className="flex flex-wrap items-center gap-2 px-4 py-2">
              <b className="font-semibold">{revision.number}</b>
              <span className="min-w-0 flex-1 text-sm text-soft">
                {revision.submitted_by.name}, <Time at={revision.submitted_at} />
                <span className="block font-mono text-xs">{revision.head.slice(0, 10)}</span>
              </span>
              <Badge
                tone={revision.validation === 'passed' ? 'good' : revision.validation === 'failed' ? 'bad' : 'info'}
              >
                Validation {revision.validation}
              </Badge>
            </div>
            {revision.findings.length > 0 && <Findings list={revision.findings} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const VERDICTS: [Verdict, string][] = [
  ['approve', 'Approve'],
  ['request_changes', 'Request changes'],
  ['reject', 'Reject'],
];

function Actions({
  path,
  changeset,
  shown,
  isNewest,
}: {
  path: Path;
  changeset: Changeset;
  shown: number | undefined;
  isNewest: boolean;
}) {
  const navigate = useNavigate();
  const [verdict, setVerdict] = useState<Verdict | undefined>();
  const [comment, setComment] = useState('');
  const may = (action: string) => changeset.allowed_actions.includes(action);
  const nothing = { path, body: {} };
  const decide = useAct(
    () => reviewChangeset({ path, body: { revision: shown ?? 0, verdict: verdict ?? 'approve', comment } }),
    { done: `Decided on revision ${shown}`, onDone: () => setVerdict(undefined), quiet: true },
  );
  const queue = useAct(() => queueChangeset(nothing), { done: `#${changeset.number} is queued` });
  const submit = useAct(() => submitChangeset(nothing), { done: 'Submitted; the validation runs' });
  const resubmit = useAct(() => resubmitChangeset(nothing), { done: 'Submitted as a new revision' });
  const draft = useAct(() => moveChangesetToDraft(nothing), { done: 'Back in draft' });
  const clone = useAct(() => cloneChangeset(nothing), {
    onDone: ({ data }) => data && navigate({ to: paths.changeset(path.appId, data.id) }),
  });
  const verb = VERDICTS.find(([one]) => one === verdict)?.[1];
  return (
    <>
      {VERDICTS.filter(([one]) => may(one)).map(([one, label]) => (
        <Button
          key={one}
          look={one === 'approve' ? 'primary' : one === 'reject' ? 'danger' : 'plain'}
          isDisabled={!isNewest}
          onPress={() => setVerdict(one)}
        >
          {label}
        </Button>
      ))}
      {may('submit') && (
        <Button look="primary" isPending={submit.isPending} onPress={() => submit.mutate()}>
          Submit
        </Button>
      )}
      {may('resubmit') && (
        <Button isPending={resubmit.isPending} onPress={() => resubmit.mutate()}>
          Submit a new revision
        </Button>
      )}
      {may('queue') && (
        <Button look="primary" isPending={queue.isPending} onPress={() => queue.mutate()}>
          Queue
        </Button>
      )}
      {may('move_to_draft') && (
        <Button isPending={draft.isPending} onPress={() => draft.mutate()}>
          Back to draft
        </Button>
      )}
      {may('clone') && (
        <Button isPending={clone.isPending} onPress={() => clone.mutate()}>
          Clone
        </Button>
      )}
      <Dialog
        title={`${verb} revision ${shown}`}
        isOpen={verdict !== undefined}
        onClose={() => setVerdict(undefined)}
        footer={
          <>
            <Button onPress={() => setVerdict(undefined)}>Cancel</Button>
            <Button
              look={verdict === 'reject' ? 'danger' : 'primary'}
              isPending={decide.isPending}
              onPress={() => decide.mutate()}
            >
              {verb}
            </Button>
          </>
        }
      >
        <FormError error={decide.error} />
        <p className="mb-3">
          #{changeset.number} {changeset.title}: exactly what is on your screen,{' '}
          <code className="font-mono text-sm">{changeset.revision?.tree.slice(0, 10)}</code>.
        </p>
        <TextArea
          label="Comment"
          hint="The author reads it"
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
      </Dialog>
    </>
  );
}
