import { closeBrackets } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';

const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.content ?? '';

const theme = EditorView.theme({
  '&': { height: '100%', fontSize: '0.78125rem', backgroundColor: 'var(--c-panel)', color: 'var(--c-text)' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.55' },
  '.cm-gutters': { backgroundColor: 'var(--c-panel)', color: 'var(--c-soft)', borderRight: '1px solid var(--c-line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--c-sunken)' },
  '.cm-cursor': { borderLeftColor: 'var(--c-text)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--c-tint) !important' },
  '&.cm-focused': { outline: 'none' },
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
};

/** The editor of one file; another file is another editor, by its key. Escape, then Tab leaves it. */
export default function CodeEditor({ label, text, readOnly, onText }: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const tell = useRef(onText);
  tell.current = onText;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor owns its text; what comes from outside is put in below
  useEffect(() => {
    if (!place.current) return;
    const editor = new EditorView({
      parent: place.current,
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
  return <div ref={place} className="h-full min-h-64 overflow-hidden" />;
}
