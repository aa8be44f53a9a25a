import { ChevronDown, ChevronRight, MessageSquarePlus } from 'lucide-react';
import { memo, useCallback, useMemo, useState } from 'react';
import type { DiffLine, FileDiff } from '../../api/gen/types.gen';
import { Badge, type Tone, words } from '../../ui/Status';
import type { PastOf } from '../past/FilePast';
import { PastButton } from '../past/PastButton';
import { cut, type Language, languageOf, type Part, partsOf, textLines } from './colours';
import { blocksOf, changedPart, type Paired } from './rows';
import { useNearby } from './useNearby';

export type Place = { path: string; line: number };
export type Threads = {
  has: (place: Place) => boolean;
  render: (place: Place, isNew: boolean, close: () => void) => React.ReactNode;
  canWrite: boolean;
};

const TONES: Record<string, Tone> = {
  added: 'good',
  removed: 'bad',
  deleted: 'bad',
  modified: 'info',
  renamed: 'warn',
};

const look = (kind: string | undefined) =>
  kind === 'added' ? 'bg-added' : kind === 'deleted' ? 'bg-removed' : kind === undefined ? 'bg-sunken' : '';

/** The anchor of a line, for links and for the list of changes. */
export const anchorOf = (path: string, line?: number) => `file-${path}${line ? `-${line}` : ''}`;

type FileProps = {
  file: FileDiff;
  isSplit: boolean;
  isViewed?: boolean;
  onViewed?: (file: FileDiff, viewed: boolean) => void;
  threads?: Threads;
  /** What is said about the file, but not about a line that is shown. */
  apart?: React.ReactNode;
  /** Where the file's past is looked up, if it can be. */
  past?: PastOf;
  /** The line that the address leads to. */
  target?: number | undefined;
  /** Whether its lines are not drawn yet; their place is kept. */
  isLater?: boolean;
};

/** The hunks of one file, unified or side by side, with its threads below the lines that they are about. */
export const FileDiffView = memo(function FileDiffView({
  file,
  isSplit,
  isViewed = false,
  onViewed,
  threads,
  apart,
  past,
  target,
  isLater = false,
}: FileProps) {
  const [folded, fold] = useState<boolean | undefined>();
  const isFolded = folded ?? isViewed;
  const changed = file.hunks.flatMap((hunk) => hunk.lines);
  const count = (kind: string) => changed.filter((line) => line.kind === kind).length;
  return (
    <section
      id={anchorOf(file.path)}
      aria-label={file.path}
      tabIndex={-1}
      className="scroll-mt-3 rounded-lg border border-line bg-panel [contain-intrinsic-size:auto_24rem] [content-visibility:auto]"
    >
      <div className="flex flex-wrap items-center gap-2 rounded-t-lg border-b border-line bg-sunken px-2 py-1.5">
        <button
          type="button"
          aria-expanded={!isFolded}
          onClick={() => fold(!isFolded)}
          className="flex min-w-0 flex-1 items-center gap-1.5 rounded text-left font-mono text-sm max-sm:basis-full"
        >
          {isFolded ? <ChevronRight aria-hidden size={14} /> : <ChevronDown aria-hidden size={14} />}
          <span className="break-all">
            {file.old_path && file.old_path !== file.path && <span className="text-soft">{file.old_path} → </span>}
            {file.path}
          </span>
        </button>
        <Badge tone={TONES[file.kind] ?? 'neutral'}>{words(file.kind)}</Badge>
        <span className="font-mono text-sm">
          <span className="text-good">+{count('added')}</span> <span className="text-bad">−{count('deleted')}</span>
        </span>
        {past && file.kind !== 'deleted' && <PastButton of={past} file={file.path} />}
        {onViewed && (
          <label className="flex items-center gap-1.5 text-sm text-soft">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={isViewed}
              onChange={(event) => {
                fold(undefined);
                onViewed(file, event.target.checked);
              }}
            />
            Viewed
          </label>
        )}
      </div>
      {!isFolded && apart}
      {!isFolded && isLater && <div style={{ height: `${(changed.length + file.hunks.length) * LINE_REM}rem` }} />}
      {!isFolded && !isLater && <Hunks file={file} isSplit={isSplit} threads={threads} target={target} />}
    </section>
  );
});

type HunksProps = {
  file: FileDiff;
  isSplit: boolean;
  threads: Threads | undefined;
  target: number | undefined;
};

function Hunks({ file, isSplit, threads, target }: HunksProps) {
  const blocks = useMemo(() => blocksOf(file.hunks, isSplit), [file.hunks, isSplit]);
  const language = languageOf(file.path);
  const texts = useMemo(() => (language === 'yaml' ? textLines(file.hunks) : undefined), [file.hunks, language]);
  const languageAt = useCallback((line: DiffLine) => (texts?.has(line) ? undefined : language), [texts, language]);
  if (file.binary) return <p className="p-4 text-soft">A binary file; its bytes are not shown.</p>;
  if (file.hunks.length === 0) return <p className="p-4 text-soft">Its content stays the same.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key
    <section className="relative overflow-x-auto" tabIndex={0} aria-label={`Changes in ${file.path}`}>
      <table className="w-full border-collapse font-mono text-sm leading-5">
        {blocks.map((rows, at) => (
          <Block
            // biome-ignore lint/suspicious/noArrayIndexKey: the blocks of one diff never move
            key={at}
            path={file.path}
            rows={rows}
            isSplit={isSplit}
            isLong={blocks.length > LONG}
            languageAt={languageAt}
            threads={threads}
            target={target}
          />
        ))}
      </table>
      {file.truncated && <p className="border-t border-line p-3 text-soft">The rest of this file is left out.</p>}
    </section>
  );
}

type BlockProps = {
  path: string;
  rows: Paired[];
  isSplit: boolean;
  isLong: boolean;
  languageAt: (line: DiffLine) => Language | undefined;
  threads: Threads | undefined;
  target: number | undefined;
};

/** As many lines as are drawn together; in a long diff none of them while they are far from what is seen. */
function Block({ path, rows, isSplit, isLong, languageAt, threads, target }: BlockProps) {
  const numbers = rows.flatMap(({ right }) => right?.new_no ?? []);
  const isHeld = numbers.some((line) => line === target || threads?.has({ path, line }));
  const [place, isNear] = useNearby();
  return (
    <tbody ref={place}>
      {isNear || isHeld || !isLong ? (
        rows.map((row) =>
          row.header === undefined ? (
            <Row key={row.key} path={path} row={row} isSplit={isSplit} languageAt={languageAt} threads={threads} />
          ) : (
            <tr key={row.key} className="bg-info-tint text-info">
              <td colSpan={4} className="px-3 py-0.5">
                {row.header}
              </td>
            </tr>
          ),
        )
      ) : (
        <tr>
          <td colSpan={4} style={{ height: `${rows.length * LINE_REM}rem` }} />
        </tr>
      )}
    </tbody>
  );
}

/** A diff of more blocks than this is long; shorter ones are drawn whole, so that the browser's search finds all of them. */
const LONG = 8;
/** The height of a line. */
const LINE_REM = 1.25;

type RowProps = {
  path: string;
  row: Paired;
  isSplit: boolean;
  languageAt: (line: DiffLine) => Language | undefined;
  threads: Threads | undefined;
};

function Row({ path, row, isSplit, languageAt, threads }: RowProps) {
  const { left, right, line } = row;
  const [isWriting, write] = useState(false);
  const shown = line ?? right;
  const number = shown?.kind === 'deleted' ? undefined : (shown?.new_no ?? undefined);
  const place = number === undefined ? undefined : { path, line: number };
  const hasThreads = place !== undefined && threads?.has(place) === true;
  const gutter = 'w-10 min-w-10 select-none px-2 text-right text-soft align-top';
  const text = 'px-3 whitespace-pre align-top';
  const button = place && threads?.canWrite && (
    <button
      type="button"
      aria-label={`Comment on line ${number}`}
      className="absolute -left-0.5 z-10 rounded bg-accent p-0.5 text-on-accent opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
      onClick={() => write(true)}
    >
      <MessageSquarePlus aria-hidden size={12} />
    </button>
  );
  const id = place ? anchorOf(path, number) : undefined;
  return (
    <>
      {isSplit ? (
        <tr className="group" id={id}>
          <td className={`${gutter} ${look(left ? (left === right ? 'context' : left.kind) : undefined)}`}>
            {left?.old_no}
          </td>
          <td className={`w-1/2 ${text} ${look(left ? (left === right ? 'context' : left.kind) : undefined)}`}>
            {left && <Text line={left} language={languageAt(left)} other={left === right ? undefined : right} />}
          </td>
          <td className={`relative border-l border-line ${gutter} ${look(right?.kind)}`}>
            {button}
            {right?.new_no}
          </td>
          <td className={`w-1/2 ${text} ${look(right?.kind)}`}>
            {right && <Text line={right} language={languageAt(right)} other={left === right ? undefined : left} />}
          </td>
        </tr>
      ) : (
        <tr className={`group ${look(line?.kind)}`} id={id}>
          <td className={`relative ${gutter}`}>
            {button}
            {line?.old_no}
          </td>
          <td className={gutter}>{line?.new_no}</td>
          <td className="w-4 min-w-4 text-center text-soft select-none">
            {line?.kind === 'added' ? '+' : line?.kind === 'deleted' ? '−' : ''}
          </td>
          <td className={text}>
            {line && (
              <Text
                line={line}
                language={languageAt(line)}
                other={left === right ? undefined : line === left ? right : left}
              />
            )}
          </td>
        </tr>
      )}
      {place && threads && (hasThreads || isWriting) && (
        <tr>
          <td colSpan={4} className="border-y border-line bg-sunken p-3 font-sans">
            {threads.render(place, isWriting, () => write(false))}
          </td>
        </tr>
      )}
    </>
  );
}

type TextProps = { line: DiffLine; other: DiffLine | undefined; language: Language | undefined };

/** The text of a line: in the colours of its language, and with what is different in it set off. */
function Text({ line, other, language }: TextProps) {
  const { text } = line;
  const parts = useMemo(() => (language ? partsOf(text, language) : [{ text, kind: undefined }]), [text, language]);
  const [start, middle, end] = other ? changedPart(text, other.text) : ['', '', ''];
  if (start === '' && end === '') return <Parts parts={parts} />;
  const [from, to] = [start.length, start.length + middle.length];
  return (
    <>
      <Parts parts={cut(parts, 0, from)} />
      {middle && (
        <b className="rounded-xs font-semibold underline decoration-2 underline-offset-2">
          <Parts parts={cut(parts, from, to)} />
        </b>
      )}
      <Parts parts={cut(parts, to, text.length)} />
    </>
  );
}

const COLOURS = { key: 'text-accent', comment: 'text-soft italic', atom: 'text-info' } as const;

function Parts({ parts }: { parts: Part[] }) {
  return parts.map(({ text, kind }, at) =>
    kind ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one line never move
      <span key={at} className={COLOURS[kind]}>
        {text}
      </span>
    ) : (
      text
    ),
  );
}
