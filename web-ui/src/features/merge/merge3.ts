/** A part of a merged text: lines that stand, or lines that two sides made into different ones. */
export type Piece =
  | { kind: 'lines'; lines: string[] }
  | { kind: 'conflict'; base: string[]; ours: string[]; theirs: string[]; oursFrom: number; theirsFrom: number };

export type Side = 'ours' | 'theirs' | 'both' | 'neither';

/** More differences than this are not matched line by line; the whole is one conflict then. */
const MOST_STEPS = 2_000;

/**
 * For each line of `a` the line of `b` that it became, or -1: a shortest edit script by Myers, between what both begin
 * and end with.
 */
export function matched(a: string[], b: string[]): Int32Array {
  const found = new Int32Array(a.length).fill(-1);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    found[start] = start;
    start++;
  }
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    found[--endA] = --endB;
  }
  const [n, m] = [endA - start, endB - start];
  const most = Math.min(n + m, MOST_STEPS);
  const reach = new Int32Array(2 * most + 3);
  const middle = most + 1;
  const trace: Int32Array[] = [];
  const at = (k: number) => reach[middle + k] ?? 0;
  for (let steps = 0; steps <= most; steps++) {
    trace.push(reach.slice(middle - steps - 1, middle + steps + 2));
    for (let k = -steps; k <= steps; k += 2) {
      let x = k === -steps || (k !== steps && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
      let y = x - k;
      while (x < n && y < m && a[start + x] === b[start + y]) {
        x++;
        y++;
      }
      reach[middle + k] = x;
      if (x < n || y < m) continue;
      walkBack(trace, steps, n, m, (i, j) => {
        found[start + i] = start + j;
      });
      return found;
    }
  }
  return found;
}

function walkBack(trace: Int32Array[], steps: number, n: number, m: number, match: (i: number, j: number) => void) {
  let [x, y] = [n, m];
  for (let d = steps; d >= 0; d--) {
    const before = trace[d];
    const at = (k: number) => before?.[k + d + 1] ?? 0;
    const k = x - y;
    const from = k === -d || (k !== d && at(k - 1) < at(k + 1)) ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : at(from);
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) match(--x, --y);
    [x, y] = [fromX, fromY];
  }
}

const equal = (one: string[], other: string[]) =>
  one.length === other.length && one.every((line, at) => line === other[at]);

/** Merges two texts that began as the same one, line by line. */
export function merge3(baseText: string, oursText: string, theirsText: string): Piece[] {
  const [base, ours, theirs] = [baseText, oursText, theirsText].map((text) => text.split('\n')) as [
    string[],
    string[],
    string[],
  ];
  const [toOurs, toTheirs] = [matched(base, ours), matched(base, theirs)];
  const pieces: Piece[] = [];
  const stand = (lines: string[]) => {
    if (lines.length === 0) return;
    const last = pieces.at(-1);
    if (last?.kind === 'lines') last.lines.push(...lines);
    else pieces.push({ kind: 'lines', lines: [...lines] });
  };
  let [b, o, t] = [0, 0, 0];
  for (;;) {
    while (b < base.length && toOurs[b] === o && toTheirs[b] === t) {
      stand([base[b] ?? '']);
      b++;
      o++;
      t++;
    }
    let next = b;
    while (next < base.length && ((toOurs[next] ?? -1) < o || (toTheirs[next] ?? -1) < t)) next++;
    const isLast = next >= base.length;
    const was = base.slice(b, next);
    const mine = ours.slice(o, isLast ? ours.length : toOurs[next]);
    const other = theirs.slice(t, isLast ? theirs.length : toTheirs[next]);
    if (equal(mine, was) || equal(mine, other)) stand(other);
    else if (equal(other, was)) stand(mine);
    else pieces.push({ kind: 'conflict', base: was, ours: mine, theirs: other, oursFrom: o + 1, theirsFrom: t + 1 });
    if (isLast) return pieces;
    [b, o, t] = [next, toOurs[next] ?? 0, toTheirs[next] ?? 0];
  }
}

/** The text of pieces whose conflicts are decided, in their order; nothing while one is open. */
export function textOfPieces(pieces: Piece[], sides: (Side | undefined)[]): string | undefined {
  const lines: string[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (piece.kind === 'lines') {
      lines.push(...piece.lines);
      continue;
    }
    const side = sides[at++];
    if (side === undefined) return undefined;
    if (side === 'ours' || side === 'both') lines.push(...piece.ours);
    if (side === 'theirs' || side === 'both') lines.push(...piece.theirs);
  }
  return lines.join('\n');
}
