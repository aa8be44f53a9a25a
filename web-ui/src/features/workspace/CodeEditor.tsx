import { closeBrackets } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { type Assist, assisting, offsetOf } from './assist';

const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.content ?? '';

const theme = EditorView.theme({
  '&': { height: '100%', fontSize: '0.78125rem', backgroundColor: 'var(--c-panel)', color: 'var(--c-text)' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.55' },
  '.cm-gutters': { backgroundColor: 'var(--c-panel)', color: 'var(--c-soft)', borderRight: '1px solid var(--c-line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--c-sunken)' },
  '.cm-cursor': { borderLeftColor: 'var(--c-text)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--c-tint) !important' },
  '&.cm-focused': { outline: 'none' },
  // No picture is loaded for a mark: form, colour and a word tell it.
  '.cm-lintRange': {
    backgroundImage: 'none',
    paddingBottom: 0,
    textDecoration: 'underline wavy',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-error': { textDecorationColor: 'var(--c-bad)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--c-warn)' },
  '.cm-lintRange-info': { textDecorationColor: 'var(--c-info)' },
  '.cm-lintPoint-error::after': { borderBottomColor: 'var(--c-bad)' },
  '.cm-lintPoint-warning::after': { borderBottomColor: 'var(--c-warn)' },
  '.cm-gutter-lint': { width: '1.1em' },
  '.cm-lint-marker': { width: '0.8em', height: '0.8em', textAlign: 'center', lineHeight: 1, fontWeight: 700 },
  '.cm-lint-marker-error': { content: 'normal', color: 'var(--c-bad)' },
  '.cm-lint-marker-error::after': { content: '"✕"' },
  '.cm-lint-marker-warning': { content: 'normal', color: 'var(--c-warn)' },
  '.cm-lint-marker-warning::after': { content: '"!"' },
  '.cm-lint-marker-info': { content: 'normal', color: 'var(--c-info)' },
  '.cm-lint-marker-info::after': { content: '"i"' },
  '.cm-tooltip': {
    backgroundColor: 'var(--c-raised)',
    color: 'var(--c-text)',
    border: '1px solid var(--c-line)',
    borderRadius: '6px',
    boxShadow: '0 4px 16px rgb(0 0 0 / 0.16)',
  },
  '.cm-tooltip-lint': { maxWidth: '32rem' },
  '.cm-diagnostic': {
    fontFamily: 'var(--font-sans)',
    fontSize: '0.8125rem',
    borderLeft: '0',
    padding: '0.375rem 0.75rem',
  },
  '.cm-diagnosticSource': { color: 'var(--c-soft)', opacity: 1 },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono)', maxHeight: '14rem' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--c-tint)', color: 'var(--c-text)' },
  '.cm-completionDetail': { color: 'var(--c-soft)', fontStyle: 'normal', fontFamily: 'var(--font-sans)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: 600, color: 'var(--c-accent)' },
  '.cm-panels': { backgroundColor: 'var(--c-sunken)', color: 'var(--c-text)' },
});

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--c-accent)' },
  { tag: tags.comment, color: 'var(--c-soft)', fontStyle: 'italic' },
  { tag: [tags.string, tags.content], color: 'var(--c-text)' },
  { tag: [tags.number, tags.bool, tags.keyword], color: 'var(--c-info)' },
]);

type CodeEditorProps = {
  label: string;
  text: string;
  readOnly: boolean;
  onText: (text: string) => void;
  /** Who tells what is wrong, what could stand at the cursor and what stands there. */
  assist: Assist;
  /** Where to put the cursor; another object is another wish. */
  place: Place | undefined;
};

/** A line and a column, both from 1. */
export type Place = { line: number; column: number };

/** The editor of one file; another file is another editor, by its key. Escape, then Tab leaves it. */
export default function CodeEditor({ label, text, readOnly, onText, assist, place }: CodeEditorProps) {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const tell = useRef(onText);
  tell.current = onText;
  const helper = useRef(assist);
  helper.current = assist;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor owns its text; what comes from outside is put in below
  useEffect(() => {
    if (!holder.current) return;
    const editor = new EditorView({
      parent: holder.current,
      state: EditorState.create({
        doc: text,
        extensions: [
          EditorView.cspNonce.of(nonce),
          lineNumbers(),
          foldGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          search({ top: true }),
          yaml(),
          assisting({
            path: assist.path,
            file: assist.file,
            onFindings: (findings) => helper.current.onFindings(findings),
            onGo: (file, line) => helper.current.onGo(file, line),
          }),
          theme,
          syntaxHighlighting(colours),
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) tell.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => {
    const editor = view.current;
    if (!editor || !place) return;
    const anchor = offsetOf(editor.state.doc, place.line, place.column);
    editor.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
    editor.focus();
  }, [place]);
  return <div ref={holder} className="h-full min-h-64 overflow-hidden" />;
}
