import { describe, expect, it } from 'vitest';
import type { DiffLine } from '../../api/gen/types.gen';
import { changedPart, sideBySide } from './rows';

const line = (kind: string, text: string): DiffLine => ({ kind, text, lossy: false, no_newline: false });

describe('a diff side by side', () => {
  it('lets removals meet the additions that follow them', () => {
    const rows = sideBySide([
      line('context', 'a'),
      line('deleted', 'b'),
      line('deleted', 'c'),
      line('added', 'B'),
      line('context', 'd'),
      line('added', 'e'),
    ]);
    expect(rows.map((row) => [row.old?.text, row.new?.text])).toEqual([
      ['a', 'a'],
      ['b', 'B'],
      ['c', undefined],
      ['d', 'd'],
      [undefined, 'e'],
    ]);
  });

  it('does not let additions meet removals that come later', () => {
    const rows = sideBySide([line('added', 'x'), line('deleted', 'y')]);
    expect(rows.map((row) => [row.old?.text, row.new?.text])).toEqual([
      [undefined, 'x'],
      ['y', undefined],
    ]);
  });
});

describe('the changed part of a line', () => {
  it('is what lies between the common start and the common end', () => {
    expect(changedPart('min: 15m', 'min: 45m')).toEqual(['min: ', '1', '5m']);
    expect(changedPart('aa', 'aaa')).toEqual(['aa', '', '']);
    expect(changedPart('', 'x')).toEqual(['', '', '']);
  });
});
