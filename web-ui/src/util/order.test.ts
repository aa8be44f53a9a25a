import { describe, expect, it } from 'vitest';
import { moved, placeByKey } from './order';

describe('ordering', () => {
  it('moves one item and keeps the others in order', () => {
    expect(moved(['a', 'b', 'c', 'd'], 0, 2)).toEqual(['b', 'c', 'a', 'd']);
    expect(moved(['a', 'b', 'c', 'd'], 3, 0)).toEqual(['d', 'a', 'b', 'c']);
    expect(moved(['a', 'b'], 1, 9)).toEqual(['a', 'b']);
    expect(moved(['a', 'b'], 5, 0)).toEqual(['a', 'b']);
  });

  it('keeps every item, wherever it is moved from and to', () => {
    const list = ['a', 'b', 'c', 'd', 'e'];
    for (let from = -1; from < 7; from++) {
      for (let to = -2; to < 8; to++) expect([...moved(list, from, to)].sort()).toEqual(list);
    }
  });

  it('follows arrows and ends, and stops at them', () => {
    expect(placeByKey('ArrowUp', 0, 3)).toBe(0);
    expect(placeByKey('ArrowDown', 0, 3)).toBe(1);
    expect(placeByKey('ArrowDown', 2, 3)).toBe(2);
    expect(placeByKey('End', 0, 3)).toBe(2);
    expect(placeByKey('x', 0, 3)).toBeUndefined();
  });
});
