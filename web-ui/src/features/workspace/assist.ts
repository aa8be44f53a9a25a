import {
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
} from '@codemirror/autocomplete';
import { type Diagnostic, linter, lintGutter, lintKeymap } from '@codemirror/lint';
import { type EditorState, type Extension, Prec, StateEffect, StateField, type Text } from '@codemirror/state';
import { type Command, type EditorView, hoverTooltip, keymap, showTooltip, type Tooltip } from '@codemirror/view';
import { checkText, explain, suggest } from '../../api/gen/sdk.gen';
import type { Finding, Meaning } from '../../api/gen/types.gen';

/** Larger texts are checked when they are submitted, not as one types: a request carries 1 MiB. */
const LARGEST = 900_000;
/** How long typing rests before the text is checked, in milliseconds. */
const REST = 400;

/** What the server knows of one file while it is typed. */
export type Assist = {
  path: { appId: string; workspaceId: string };
  file: string;
  /** Takes the newest findings. */
  onFindings: (findings: Finding[]) => void;
  /** Goes to where something is declared. */
  onGo: (file: string, line: number) => void;
};

/** The offset of a line and column, both from 1, the column in characters; the nearest there is. */
export function offsetOf(doc: Text, line: number, column: number): number {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const before = [...at.text].slice(0, Math.max(column - 1, 0)).join('');
  return at.from + before.length;
}

/** The line and column of an offset, both from 1, the column in characters. */
export function placeOf(doc: Text, offset: number): { line: number; column: number } {
  const at = doc.lineAt(offset);
  return { line: at.number, column: [...at.text.slice(0, offset - at.from)].length + 1 };
}

/** What a finding underlines: the word at its place, or the rest of the line. */
export function underlined(
  doc: Text,
  { line, column }: Pick<Finding, 'line' | 'column'>,
): { from: number; to: number } {
  const from = offsetOf(doc, line ?? 1, column ?? 1);
  const rest = doc.lineAt(from).text.slice(from - doc.lineAt(from).from);
  const length = /^[^\s,:[\]{}#]+/.exec(rest)?.[0].length ?? rest.trimEnd().length;
  return { from, to: from + Math.max(length, 0) };
}

const SEVERITIES = ['error', 'warning', 'info'] as const;

function diagnostic(doc: Text, finding: Finding): Diagnostic {
  const severity = SEVERITIES.find((known) => known === finding.severity) ?? 'info';
  const message = finding.hint ? `${finding.message}: ${finding.hint}` : finding.message;
  return { ...underlined(doc, finding), severity, source: finding.rule, message };
}

const isTooLarge = (doc: Text) => doc.length > LARGEST;

/** Everything that the server tells of a file while it is typed. */
export function assisting(assist: Assist): Extension {
  const asked = (state: EditorState, offset: number) => ({
    path: assist.path,
    body: { path: assist.file, text: state.doc.toString(), ...placeOf(state.doc, offset) },
  });

  const check = async (view: EditorView): Promise<Diagnostic[]> => {
    const { doc } = view.state;
    if (isTooLarge(doc)) return [];
    try {
      const { data } = await checkText({ path: assist.path, body: { path: assist.file, text: doc.toString() } });
      // What was typed meanwhile is checked again.
      if (view.state.doc.eq(doc)) assist.onFindings(data.findings);
      return data.findings.map((finding) => diagnostic(doc, finding));
    } catch {
      // The editor goes on without; whether the text is saved is told elsewhere.
      return [];
    }
  };

  const complete = async (context: CompletionContext): Promise<CompletionResult | null> => {
    const word = context.matchBefore(/[\w./-]*/);
    const before = context.state.doc
      .lineAt(context.pos)
      .text.slice(0, context.pos - context.state.doc.lineAt(context.pos).from);
    // Asked for by key, or while a word is typed, or where a value begins.
    const begins = /(:|-|\[|,)\s$/.test(before);
    if (!context.explicit && !begins && !(word && word.from < word.to)) return null;
    if (isTooLarge(context.state.doc) || /(^|\s)#/.test(before)) return null;
    const { data } = await suggest(asked(context.state, context.pos)).catch(() => ({ data: { suggestions: [] } }));
    if (context.aborted || data.suggestions.length === 0) return null;
    const after = context.state.doc.lineAt(context.pos).text.slice(before.length);
    return {
      from: word?.from ?? context.pos,
      validFor: /^[\w./-]*$/,
      options: data.suggestions.map(({ text, kind, about }) => ({
        label: text,
        type: kind === 'key' ? 'property' : kind === 'value' ? 'enum' : 'variable',
        apply: kind === 'key' && !/^\s*:/.test(after) ? `${text}: ` : text,
        ...(about ? { detail: about } : {}),
      })),
    };
  };

  const meaningAt = async (state: EditorState, offset: number): Promise<Meaning | undefined> => {
    if (isTooLarge(state.doc)) return undefined;
    const { data } = await explain(asked(state, offset)).catch(() => ({ data: { meaning: null } }));
    return data.meaning ?? undefined;
  };

  const tooltip = (state: EditorState, meaning: Meaning): Tooltip => ({
    pos: offsetOf(state.doc, meaning.line, meaning.column),
    end: offsetOf(state.doc, meaning.line, meaning.end_column),
    above: true,
    create: () => ({ dom: explained(meaning, assist.onGo) }),
  });

  const explainHere: Command = (view) => {
    const { state } = view;
    void meaningAt(state, state.selection.main.head).then((meaning) => {
      if (view.state === state) view.dispatch({ effects: show.of(meaning ? tooltip(state, meaning) : null) });
    });
    return true;
  };

  const goToDeclaration: Command = ({ state }) => {
    void meaningAt(state, state.selection.main.head).then((meaning) => {
      if (meaning?.declared) assist.onGo(meaning.declared.path, meaning.declared.line);
    });
    return true;
  };

  return [
    linter(check, { delay: REST }),
    lintGutter(),
    autocompletion({ override: [complete], icons: false, activateOnTypingDelay: 150 }),
    hoverTooltip(
      async (view, offset) => {
        const meaning = await meaningAt(view.state, offset);
        return meaning ? tooltip(view.state, meaning) : null;
      },
      { hoverTime: 350 },
    ),
    shown,
    Prec.high(
      keymap.of([
        { key: 'Mod-i', run: explainHere },
        { key: 'F12', run: goToDeclaration },
        {
          key: 'Escape',
          run: (view) => {
            if (!view.state.field(shown)) return false;
            view.dispatch({ effects: show.of(null) });
            return true;
          },
        },
      ]),
    ),
    keymap.of([...completionKeymap, ...lintKeymap]),
  ];
}

const show = StateEffect.define<Tooltip | null>();

/** The explanation that was asked for by key; the next edit or move takes it away. */
const shown = StateField.define<Tooltip | null>({
  create: () => null,
  update(now, transaction) {
    for (const effect of transaction.effects) if (effect.is(show)) return effect.value;
    return transaction.docChanged || transaction.selection ? null : now;
  },
  provide: (field) => showTooltip.from(field),
});

/** An explanation as people read it. */
function explained({ title, about, allowed, declared }: Meaning, onGo: Assist['onGo']): HTMLElement {
  const box = document.createElement('div');
  box.className = 'max-w-md px-3 py-2 font-sans text-sm';
  const line = (text: string, look: string) => {
    const part = document.createElement('p');
    part.className = look;
    part.textContent = text;
    box.append(part);
  };
  line(title, 'font-mono font-semibold break-words');
  if (about) line(about, '');
  if (allowed) line(allowed, 'text-soft');
  if (declared) {
    const go = document.createElement('button');
    go.type = 'button';
    go.className = 'text-accent underline';
    go.textContent = `${declared.path}, line ${declared.line}`;
    go.addEventListener('click', () => onGo(declared.path, declared.line));
    box.append(go);
  }
  return box;
}
