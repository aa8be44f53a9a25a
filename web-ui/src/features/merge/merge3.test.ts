import { describe, expect, it } from 'vitest';
import { matched, merge3, textOfPieces } from './merge3';

/** Numbers that look random and are the same each time. */
function chance(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

const changed = (lines: string[], roll: (below: number) => number, mark: string) =>
  lines.flatMap((line) => {
    const dice = roll(10);
    if (dice === 0) return [];
    if (dice === 1) return [line, `${mark}${roll(3)}`];
    return dice === 2 ? [`${mark}${roll(3)}`] : [line];
  });

describe('a merge of three texts', () => {
  it('takes what only one side changed', () => {
    expect(merge3('a\nb\nc\n', 'a\nB\nc\n', 'a\nb\nc\nd\n')).toEqual([
      { kind: 'lines', lines: ['a', 'B', 'c', 'd', ''] },
    ]);
    expect(merge3('a\nb\nc', 'b\nc', 'a\nb')).toEqual([{ kind: 'lines', lines: ['b'] }]);
  });

  it('asks where both changed the same lines, and says where they stand', () => {
    const pieces = merge3('a\nb\nc', 'a\nours\nc', 'x\na\ntheirs\nc');
    expect(pieces).toEqual([
      { kind: 'lines', lines: ['x', 'a'] },
      { kind: 'conflict', base: ['b'], ours: ['ours'], theirs: ['theirs'], oursFrom: 2, theirsFrom: 3 },
      { kind: 'lines', lines: ['c'] },
    ]);
    expect(textOfPieces(pieces, [])).toBeUndefined();
    expect(textOfPieces(pieces, ['ours'])).toBe('x\na\nours\nc');
    expect(textOfPieces(pieces, ['theirs'])).toBe('x\na\ntheirs\nc');
    expect(textOfPieces(pieces, ['both'])).toBe('x\na\nours\ntheirs\nc');
    expect(textOfPieces(pieces, ['neither'])).toBe('x\na\nc');
  });

  it('obeys the laws of merging, whatever the texts', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const roll = chance(seed);
      const base = Array.from({ length: roll(30) }, () => `line ${roll(6)}`);
      const [ours, theirs] = [changed(base, roll, 'our '), changed(base, roll, 'their ')];
      const [b, o, t] = [base, ours, theirs].map((lines) => lines.join('\n')) as [string, string, string];
      const all = (side: 'ours' | 'theirs', pieces: ReturnType<typeof merge3>) =>
        textOfPieces(
          pieces,
          pieces.map(() => side),
        );
      // Nothing on one side: the other one. The same on both sides: that.
      expect(all('ours', merge3(b, o, b))).toBe(o);
      expect(all('ours', merge3(b, b, t))).toBe(t);
      expect(all('theirs', merge3(b, o, o))).toBe(o);
      // Sides exchanged, the same conflicts the other way round.
      const [one, other] = [merge3(b, o, t), merge3(b, t, o)];
      expect(all('ours', one)).toBe(all('theirs', other));
      const found = matched(base, ours);
      const used = [...found].filter((at) => at >= 0);
      expect(used).toEqual([...new Set(used)].sort((x, y) => x - y));
      for (const [at, to] of found.entries()) if (to >= 0) expect(ours[to]).toBe(base[at]);
    }
  });
});
