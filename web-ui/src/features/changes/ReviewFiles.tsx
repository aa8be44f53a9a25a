import { Check, Columns2, Rows3 } from 'lucide-react';
import { useEffect } from 'react';
import type { Comment, FileDiff, ValidatedRevision } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { Select } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Empty } from '../../ui/states';
import { useFilters } from '../../util/where';
import { useKeys } from '../shell/useKeys';
import { DraftBar, Drafted } from './Drafted';
import { anchorOf, FileDiffView, type Place, type Threads } from './FileDiffs';
import { Thread } from './Thread';
import type { Drafts } from './useDrafts';
import { useViewed } from './useViewed';

type Path = { appId: string; changesetId: string };

type FilesProps = {
  path: Path;
  files: FileDiff[];
  shown: number;
  revisions: ValidatedRevision[];
  threads: Comment[][];
  drafts: Drafts;
  canComment: boolean;
};

/** The changed files of a revision with the threads about them, read by mouse or by key. */
export function ReviewFiles({ path, files, shown, revisions, threads, drafts, canComment }: FilesProps) {
  const [search, change] = useFilters();
  const viewed = useViewed(path.changesetId);
  const isSplit = search.view === 'split';
  const at = files.findIndex((file) => file.path === search.file);
  const go = (step: number) => {
    const file = files[Math.min(Math.max(at + step, 0), files.length - 1)];
    if (!file) return;
    change({ file: file.path, line: undefined });
    // What Tab leads to next is in that file.
    document.getElementById(anchorOf(file.path))?.focus({ preventScroll: true });
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
  const place = (thread: Comment[]) => thread[0]?.place;
  const isHere = (thread: Comment[]) => place(thread)?.revision === shown && typeof place(thread)?.line === 'number';
  const threaded = (thread: Comment[]) => (
    <Thread
      key={thread[0]?.id}
      app={path.appId}
      changeset={path.changesetId}
      comments={thread}
      canWrite={canComment}
      drafts={drafts}
    />
  );
  const onLine = (at: Place) =>
    threads.filter((thread) => isHere(thread) && place(thread)?.path === at.path && place(thread)?.line === at.line);
  const draftsOnLine = (at: Place) =>
    drafts.list.filter(
      (draft) => draft.place?.path === at.path && draft.place.line === at.line && draft.place.revision === shown,
    );
  const rendered: Threads = {
    canWrite: canComment,
    has: (at) => onLine(at).length + draftsOnLine(at).length > 0,
    render: (at, isNew, close) => (
      <div className="flex flex-col gap-2">
        {onLine(at).map(threaded)}
        {draftsOnLine(at).map((draft) => (
          <Drafted key={draft.id} draft={draft} drafts={drafts} />
        ))}
        {isNew && (
          <Thread
            app={path.appId}
            changeset={path.changesetId}
            comments={[]}
            place={{ path: at.path, line: at.line, revision: shown }}
            canWrite
            drafts={drafts}
            onClose={close}
          />
        )}
      </div>
    ),
  };
  // Threads on other revisions, on whole files, and on lines that no hunk shows: the place is said in words.
  const elsewhere = (file: FileDiff | undefined) => {
    const lines = new Set(file?.hunks.flatMap((hunk) => hunk.lines.map((line) => line.new_no)));
    return threads.filter((thread) => {
      const at = place(thread);
      if (!at || (file ? at.path !== file.path : files.some((one) => one.path === at.path))) return false;
      return !isHere(thread) || !lines.has(at.line);
    });
  };
  const apart = (file: FileDiff | undefined) => {
    const list = elsewhere(file);
    if (list.length === 0) return null;
    return (
      <div className="flex flex-col gap-2 border-b border-line bg-sunken p-3">
        {list.map((thread) => (
          <div key={thread[0]?.id}>
            <p className="pb-0.5 text-sm text-soft">
              {!file && `${place(thread)?.path}, `}
              {place(thread)?.line ? `line ${place(thread)?.line}` : 'the whole file'} of revision{' '}
              {place(thread)?.revision}
            </p>
            {threaded(thread)}
          </div>
        ))}
      </div>
    );
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
      {elsewhere(undefined).length > 0 && <Panel title="About files that do not differ here">{apart(undefined)}</Panel>}
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
          apart={apart(file)}
          target={file.path === search.file ? search.line : undefined}
        />
      ))}
      <DraftBar drafts={drafts} />
    </div>
  );
}
