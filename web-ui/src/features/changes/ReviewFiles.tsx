import { Check, Columns2, Rows3 } from 'lucide-react';
import { useEffect, useMemo } from 'react';
import type { Comment, FileDiff, ValidatedRevision } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { Select } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Empty } from '../../ui/states';
import { useFilters } from '../../util/where';
import { useKeys } from '../shell/useKeys';
import { DraftBar } from './Drafted';
import { anchorOf, FileDiffView } from './FileDiffs';
import { FileList } from './FileList';
import { isOnLine, placeOf, threadOf, threadsAt } from './placed';
import type { Drafts } from './useDrafts';
import { useDrawn } from './useDrawn';
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
  const drawn = useDrawn(files.length);
  const goTo = (file: string) => {
    change({ file, line: undefined });
    // What Tab leads to next is in that file.
    document.getElementById(anchorOf(file))?.focus({ preventScroll: true });
  };
  const go = (step: number) => {
    const file = files[Math.min(Math.max(at + step, 0), files.length - 1)];
    if (file) goTo(file.path);
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
  const { appId: app, changesetId: changeset } = path;
  const review = useMemo(
    () => ({ app, changeset, shown, threads, drafts, canComment }),
    [app, changeset, shown, threads, drafts, canComment],
  );
  const placed = useMemo(() => threadsAt(review), [review]);
  const past = useMemo(() => ({ app, changeset, revision: shown }), [app, changeset, shown]);
  // Threads on other revisions, on whole files, and on lines that no hunk shows: the place is said in words.
  const elsewhere = (file: FileDiff | undefined) => {
    const about = threads.filter((thread) => {
      const path = placeOf(thread)?.path;
      return path !== undefined && (file ? path === file.path : files.every((one) => one.path !== path));
    });
    if (about.length === 0) return about;
    const lines = new Set(file?.hunks.flatMap((hunk) => hunk.lines.map((line) => line.new_no)));
    return about.filter((thread) => !isOnLine(thread, shown) || !lines.has(placeOf(thread)?.line));
  };
  const apart = (file: FileDiff | undefined) => {
    const list = elsewhere(file);
    if (list.length === 0) return null;
    return (
      <div className="flex flex-col gap-2 border-b border-line bg-sunken p-3">
        {list.map((thread) => (
          <div key={thread[0]?.id}>
            <p className="pb-0.5 text-sm text-soft">
              {!file && `${placeOf(thread)?.path}, `}
              {placeOf(thread)?.line ? `line ${placeOf(thread)?.line}` : 'the whole file'} of revision{' '}
              {placeOf(thread)?.revision}
            </p>
            {threadOf(review, thread)}
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
      <div className={files.length > 1 && !isSplit ? 'grid items-start gap-3 xl:grid-cols-[15rem_minmax(0,1fr)]' : ''}>
        {files.length > 1 && !isSplit && (
          <div className="hidden h-full xl:block">
            <FileList files={files} chosen={search.file} isViewed={viewed.has} onChoose={goTo} />
          </div>
        )}
        <div className="flex min-w-0 flex-col gap-3">
          {files.map((file, place) => (
            <FileDiffView
              key={file.path}
              file={file}
              isSplit={isSplit}
              isViewed={viewed.has(file)}
              onViewed={viewed.set}
              threads={placed}
              apart={apart(file)}
              past={past}
              target={file.path === search.file ? search.line : undefined}
              isLater={place >= drawn && file.path !== search.file}
            />
          ))}
        </div>
      </div>
      <DraftBar drafts={drafts} />
    </div>
  );
}
