import type { DiffLine, Hunk } from '../../api/gen/types.gen';

/** One row of a side-by-side diff: what was and what is, each absent where the other side is longer. */
export type Pair = { old: DiffLine | undefined; new: DiffLine | undefined };

/** Lays the lines of a hunk side by side: a run of removals meets the run of additions that follows it. */
export function sideBySide(lines: DiffLine[]): Pair[] {
  const pairs: Pair[] = [];
  let removed: DiffLine[] = [];
  let added: DiffLine[] = [];
  const flush = () => {
    for (let at = 0; at < Math.max(removed.length, added.length); at++)
      pairs.push({ old: removed[at], new: added[at] });
    removed = [];
    added = [];
  };
  for (const line of lines) {
    if (line.kind === 'deleted') {
      if (added.length > 0) flush();
      removed.push(line);
    } else if (line.kind === 'added') {
      added.push(line);
    } else {
      flush();
      pairs.push({ old: line, new: line });
    }
  }
  flush();
  return pairs;
}

/** A text as three parts of which only the middle one differs from the other text. */
export function changedPart(text: string, other: string): [string, string, string] {
  let start = 0;
  const most = Math.min(text.length, other.length);
  while (start < most && text[start] === other[start]) start++;
  let end = 0;
  while (end < most - start && text[text.length - 1 - end] === other[other.length - 1 - end]) end++;
  return [text.slice(0, start), text.slice(start, text.length - end), text.slice(text.length - end)];
}

/** One row as it is drawn: a hunk's header, or a line with the one that it took the place of. */
export type Paired = {
  key: string;
  header?: string;
  left?: DiffLine | undefined;
  right?: DiffLine | undefined;
  /** The line of a unified diff; side by side there are two. */
  line?: DiffLine;
};

/** Rows that are drawn together. */
const TOGETHER = 100;

/** The rows of hunks, unified or side by side, in blocks. */
export function blocksOf(hunks: Hunk[], isSplit: boolean): Paired[][] {
  const blocks: Paired[][] = [];
  let block: Paired[] = [];
  const push = (row: Paired) => {
    if (block.length === 0) blocks.push(block);
    block.push(row);
    if (block.length >= TOGETHER) block = [];
  };
  for (const { header, lines, new_start } of hunks) {
    push({ key: `${header}${new_start}`, header });
    if (isSplit) {
      for (const { old, new: now } of sideBySide(lines)) {
        push({ key: `${old?.old_no ?? ''}:${now?.new_no ?? ''}`, left: old, right: now });
      }
    } else {
      for (const [at, line] of lines.entries()) {
        push({
          key: `${line.kind}${line.old_no ?? ''}:${line.new_no ?? ''}`,
          left: line.kind === 'added' ? neighbour(lines, at, -1) : line,
          right: line.kind === 'deleted' ? neighbour(lines, at, 1) : line,
          line,
        });
      }
    }
  }
  return blocks;
}

/** The line that a single changed line took the place of, or that took its place. */
function neighbour(lines: DiffLine[], at: number, step: 1 | -1): DiffLine | undefined {
  const other = lines[at + step];
  const isPair = other && lines[at]?.kind !== other.kind && other.kind !== 'context';
  const alone = lines[at - step]?.kind !== lines[at]?.kind && lines[at + 2 * step]?.kind !== other?.kind;
  return isPair && alone ? other : undefined;
}
