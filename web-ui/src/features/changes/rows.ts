import type { DiffLine } from '../../api/gen/types.gen';

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
