import type { Value } from '../parameters/edits';
import type { ReadVars, Vars } from './vars';

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' };

/** What a value is without quotes: a number, yes or no, JSON, or else a text. */
function bare(text: string): Value {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))) return Number(text);
  if (/^[[{]|^null$/.test(text)) {
    try {
      return JSON.parse(text) as Value;
    } catch {
      return text;
    }
  }
  return text;
}

function readValue(text: string): { value: Value } | undefined {
  const double = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/s.exec(text);
  if (double) return { value: (double[1] ?? '').replace(/\\(.)/g, (whole, escaped) => ESCAPES[escaped] ?? whole) };
  const single = /^'([^']*)'\s*(?:#.*)?$/.exec(text);
  if (single) return { value: single[1] ?? '' };
  if (/^["']/.test(text)) return undefined;
  return { value: bare(/^[[{]/.test(text) ? text : text.replace(/\s+#.*$/, '').trim()) };
}

/** Reads variables that are written as lines, `NAME=value`; quotes make a text of what looks like something else. */
export function varsOfLines(text: string): ReadVars {
  const vars: Vars = {};
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const parts = /^(?:export\s+)?([^\s=]+)\s*=\s*(.*)$/s.exec(trimmed);
    if (!parts) return { problem: `Line ${at + 1} is not NAME=value` };
    const [, name = '', rest = ''] = parts;
    if (!/^[A-Za-z][A-Za-z0-9_]{0,99}$/.test(name)) {
      return { problem: `Line ${at + 1}: a name starts with a letter, then letters, digits and _` };
    }
    if (name in vars) return { problem: `Line ${at + 1}: ${name} is there twice` };
    const value = readValue(rest);
    if (!value) return { problem: `Line ${at + 1}: the quotes do not end` };
    vars[name] = value.value;
  }
  return { vars };
}

const quoted = (text: string) =>
  `"${text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')}"`;

/** Writes variables as lines. Reading them again gives the same ones. */
export const linesOf = (vars: Vars): string =>
  Object.keys(vars)
    .sort()
    .map((name) => {
      const value = vars[name] as Value;
      if (typeof value !== 'string') return `${name}=${JSON.stringify(value)}`;
      const isPlain = /^[\w./:@%+,-]+$/.test(value) && bare(value) === value;
      return `${name}=${isPlain ? value : quoted(value)}`;
    })
    .join('\n');
