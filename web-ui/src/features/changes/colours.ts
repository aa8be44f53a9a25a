import type { DiffLine, Hunk } from '../../api/gen/types.gen';

/** What a part of a line is; most of a line is nothing of it. */
export type Kind = 'key' | 'comment' | 'atom' | undefined;
/** A part of a line. */
export type Part = { text: string; kind: Kind };

/** Lines that are longer are not taken apart. */
const LONGEST = 2_000;
const ATOM = /^(?:[-+]?(?:\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?|\.inf)|\.nan|0x[\da-f]+|true|false|null|~)$/i;
/** Where a plain scalar ends: before a comment, a colon of a key or, between brackets, a comma or the closing bracket. */
const ENDS = [/:(?=\s|$)|\s#/, /:(?=[\s,\]}]|$)|\s#|[,[\]{}]/] as const;
const QUOTED = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/;

/** What lines are written in. */
export type Language = 'yaml' | 'json';

/** The language of a file, if its lines are taken apart. */
export const languageOf = (path: string): Language | undefined =>
  /\.ya?ml$/i.test(path) ? 'yaml' : /\.json$/i.test(path) ? 'json' : undefined;

/** A line as parts, which together are the line. It is read by itself: the lines around it may be missing. */
export function partsOf(line: string, language: Language): Part[] {
  if (line.length > LONGEST) return [{ text: line, kind: undefined }];
  const parts: Part[] = [];
  const add = (text: string, kind: Kind) => {
    const last = parts.at(-1);
    if (last && last.kind === kind) last.text += text;
    else if (text !== '') parts.push({ text, kind });
  };
  let rest = line;
  // All of JSON stands between brackets.
  const outside = language === 'json' ? 1 : 0;
  let depth = outside;
  const take = (length: number, kind: Kind) => {
    add(rest.slice(0, length), kind);
    rest = rest.slice(length);
  };
  while (rest !== '') {
    const space = /^\s+|^[-?:](?=\s|$)/.exec(rest)?.[0].length ?? 0;
    if (space > 0) {
      take(space, undefined);
      continue;
    }
    const isStart = rest.length === line.length || /\s/.test(line[line.length - rest.length - 1] ?? ' ');
    if (rest.startsWith('#') && isStart) {
      take(rest.length, 'comment');
    } else if (/^[[\]{},:]/.test(rest)) {
      depth = Math.max(outside, depth + ('[{'.includes(rest[0] ?? '') ? 1 : ']}'.includes(rest[0] ?? '') ? -1 : 0));
      take(1, undefined);
    } else if (/^[&*!]/.test(rest)) {
      take(/^[^\s,[\]{}]*/.exec(rest)?.[0].length || 1, 'atom');
    } else {
      const quoted = QUOTED.exec(rest)?.[0].length;
      const plain = ENDS[depth > 0 ? 1 : 0].exec(rest)?.index ?? rest.length;
      const length = quoted ?? Math.max(1, rest.slice(0, plain).trimEnd().length);
      const isKey = /^\s*:(?=[\s,\]}]|$)/.test(rest.slice(length));
      take(length, isKey ? 'key' : !quoted && ATOM.test(rest.slice(0, length)) ? 'atom' : undefined);
    }
  }
  return parts;
}

/** The parts from one place in a line to another. */
export function cut(parts: Part[], from: number, to: number): Part[] {
  let at = 0;
  return parts.flatMap(({ text, kind }) => {
    const start = at;
    at += text.length;
    const inside = text.slice(Math.max(0, from - start), Math.max(0, to - start));
    return inside === '' ? [] : [{ text: inside, kind }];
  });
}

/** The lines that are text of a block scalar (`|`, `>`), as far as the lines before them in the diff tell. */
export function textLines(hunks: Hunk[]): Set<DiffLine> {
  const found = new Set<DiffLine>();
  for (const { lines } of hunks) {
    for (const side of ['deleted', 'added']) {
      let block: number | undefined;
      for (const line of lines) {
        if (line.kind !== side && line.kind !== 'context') continue;
        const indent = line.text.search(/\S/);
        if (block !== undefined && (indent > block || indent < 0)) {
          found.add(line);
          continue;
        }
        // A list's dash counts: its block is indented deeper than the dash.
        block = /(?:^|[:-]\s+)(?:[&!]\S+\s+)*[|>][-+\d]*\s*(?:#.*)?$/.test(line.text) ? indent : undefined;
      }
    }
  }
  return found;
}
