import { describe, expect, it } from 'vitest';
import { linesOf, varsOfLines } from './dotenv';
import { changesOf, inexact, isChanged, type Row, readRows, rebasedRows, rowsFrom, rowsOf } from './rows';
import { formOf, rebasedForm, settingsDiff, settingsOf } from './settings';
import { varsDiff, varsOf } from './vars';

describe('variables', () => {
  it('are one JSON object', () => {
    expect(varsOf('{"a": 1}')).toEqual({ vars: { a: 1 } });
    expect(varsOf('[1]')).toEqual({ problem: 'Write one JSON object, from { to }' });
    expect(varsOf('{')).toHaveProperty('problem');
  });
  it('differ by name, whatever their order', () => {
    expect(varsDiff({ a: 1, b: { x: 1, y: 2 }, c: 3 }, { b: { y: 2, x: 1 }, a: 2, d: null })).toEqual([
      { name: 'a', before: 1, after: 2 },
      { name: 'c', before: 3, after: undefined },
      { name: 'd', before: undefined, after: null },
    ]);
  });
});

describe('lines', () => {
  const odd = {
    A: 'plain',
    B: 12,
    C: '12',
    D: true,
    E: 'true',
    F: '',
    G: 'two words # and more',
    H: 'a "quote", a \\ and\na line',
    I: { a: [1, null] },
    J: '{"a":1}',
    K: null,
    L: "it's",
    M: -1.5e-7,
    N: ' spaces ',
    O: 'a\\nb',
    P: 'null',
  };
  it('come back as they were', () => {
    expect(varsOfLines(linesOf(odd))).toEqual({ vars: odd });
  });
  it('are taken as other tools write them', () => {
    const text = "# a comment\n\nexport HOST=lab.example # where\nNAME='a # b'\r\nPORT = 80\nEMPTY=\n";
    expect(varsOfLines(text)).toEqual({ vars: { HOST: 'lab.example', NAME: 'a # b', PORT: 80, EMPTY: '' } });
  });
  it('say which line cannot be read', () => {
    expect(varsOfLines('A=1\nB')).toEqual({ problem: 'Line 2 is not NAME=value' });
    expect(varsOfLines('A=1\nA=2')).toEqual({ problem: 'Line 2: A is there twice' });
    expect(varsOfLines('A="x')).toEqual({ problem: 'Line 1: the quotes do not end' });
    expect(varsOfLines('1A=x')).toHaveProperty('problem');
  });
});

describe('rows', () => {
  const base = { a: 1, b: 'x', c: true, d: { x: 1 } };
  const typed = (rows: Row[], name: string, change: Partial<Row>) =>
    rows.map((row) => (row.name === name ? { ...row, ...change } : row));

  it('say what the variables say', () => {
    expect(readRows(rowsOf(base))).toEqual({ vars: base, problems: {} });
    expect(rowsOf(base).some((row) => isChanged(row, base))).toBe(false);
  });
  it('tell what is wrong with each', () => {
    const rows: Row[] = [
      { key: '1', name: 'a', type: 'number', text: 'x' },
      { key: '2', name: '', type: 'string', text: '', isNew: true },
      { key: '3', name: 'b', type: 'string', text: '', isNew: true },
      { key: '4', name: 'b', type: 'string', text: '', isNew: true },
      { key: '5', name: 'PIN', type: 'string', text: '', isNew: true },
    ];
    expect(Object.keys(readRows(rows, ['PIN']).problems)).toEqual(['1', '2', '4', '5']);
  });
  it('keep what was typed over what somebody else saved', () => {
    let rows = typed(rowsOf(base), 'a', { text: '2' });
    rows = typed(rows, 'd', { isRemoved: true });
    rows = [{ key: 'n', name: 'mine', type: 'string', text: 'm', isNew: true }, ...rows];
    const next = { a: 5, b: 'y', d: { x: 1 }, theirs: 0 };
    const after = rebasedRows(rows, base, next);
    const { vars } = readRows(after.rows);
    expect(vars).toEqual({ a: 2, b: 'y', mine: 'm', theirs: 0 });
    expect(after.seen).toEqual({ a: 1 });
    expect(changesOf(next, vars, after.seen)).toEqual([
      { name: 'a', before: 5, after: 2, seen: 1 },
      { name: 'd', before: { x: 1 }, after: undefined },
      { name: 'mine', before: undefined, after: 'm' },
    ]);
  });
  it('take a whole set', () => {
    const rows = rowsFrom({ a: 1, e: 'new' }, rowsOf(base), base);
    expect(readRows(rows).vars).toEqual({ a: 1, e: 'new' });
    expect(rows.filter(({ isRemoved }) => isRemoved).map(({ name }) => name)).toEqual(['b', 'c', 'd']);
  });
  it('know the numbers that a browser does not hold', () => {
    expect(inexact({ a: 9_007_199_254_740_992, b: { c: [2 ** 60] }, d: 12, e: 0.1, f: 1e300 })).toEqual(['a', 'b']);
  });
});

describe('settings', () => {
  const nothing = { base_url: null, database: null, migrations: null };
  const whole = {
    base_url: 'https://lab.example',
    database: {
      engine: 'mongodb' as const,
      connection_ref: 'lab',
      provisioning_mode: 'clone_from_base' as const,
      base_profile_id: 'p',
    },
    migrations: { repo_paths: ['a', 'b'], command: 'migrate' },
  };
  it('come back as they were', () => {
    expect(settingsOf(formOf(nothing))).toEqual(nothing);
    expect(settingsOf(formOf(whole))).toEqual(whole);
  });
  it('differ line by line', () => {
    expect(settingsDiff(nothing, whole, () => 'staging').map(({ name, after }) => `${name}: ${after}`)).toEqual([
      'Address: https://lab.example',
      'Database: mongodb by lab',
      'Its content: clone from base staging',
      'Migrations in: a, b',
      'Migrated by: migrate',
    ]);
    expect(settingsDiff(whole, whole, () => '')).toEqual([]);
  });
  it('keep what was typed over what somebody else saved', () => {
    const form = { ...formOf(nothing), base_url: 'https://mine.example' };
    expect(settingsOf(rebasedForm(form, nothing, whole))).toEqual({ ...whole, base_url: 'https://mine.example' });
  });
});
