import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { getFile, writeFiles } from '../../api/gen/sdk.gen';
import { problemOf } from '../../api/problem';

export type Saving = 'saved' | 'typing' | 'saving' | 'offline' | 'refused' | 'conflict';
type Path = { appId: string; workspaceId: string };
type Kept = { text: string; blob: string };

/** How long typing rests before it is saved. */
const REST = 700;

/**
 * One file of a workspace, saved while one types. What is not saved yet is kept in this browser, also across a reload;
 * a write that is based on another content than the present one is held until the person has chosen.
 */
export function useFile(path: Path, file: string) {
  const key = `conman.unsaved.${path.workspaceId}.${file}`;
  const queries = useQueryClient();
  const [text, setText] = useState<string | undefined>();
  const [isBinary, setBinary] = useState(false);
  const [saving, setSaving] = useState<Saving>('saved');
  const [error, setError] = useState<unknown>();
  const [theirs, setTheirs] = useState<Kept | undefined>();
  const now = useRef({ text: '', blob: '', isWriting: false, timer: 0 });

  const load = useCallback(async () => {
    const { data } = await getFile({ path, query: { path: file } });
    return data;
  }, [path, file]);

  const save = useCallback(async () => {
    const state = now.current;
    window.clearTimeout(state.timer);
    if (state.isWriting) return;
    state.isWriting = true;
    setSaving('saving');
    const wanted = state.text;
    try {
      await writeFiles({
        path,
        body: { edits: [{ op: 'put', path: file, text: wanted, expected_blob: state.blob }] },
      });
      const written = await load();
      state.blob = written.blob;
      if (written.text !== wanted) {
        setTheirs({ text: written.text ?? '', blob: written.blob });
        setSaving('conflict');
      } else if (state.text === wanted) {
        localStorage.removeItem(key);
        setSaving('saved');
      } else {
        state.timer = window.setTimeout(save, REST);
      }
      setError(undefined);
      queries.invalidateQueries();
    } catch (refusal) {
      setError(refusal);
      const { status } = problemOf(refusal);
      if (status === 409 || status === 412) {
        const present = await load().catch(() => undefined);
        setTheirs(present && { text: present.text ?? '', blob: present.blob });
        setSaving('conflict');
      } else if (status === 0 || status >= 500) {
        setSaving('offline');
        state.timer = window.setTimeout(save, 5_000);
      } else {
        setSaving('refused');
      }
    } finally {
      state.isWriting = false;
    }
  }, [path, file, load, key, queries]);

  const type = useCallback(
    (typed: string) => {
      const state = now.current;
      if (typed === state.text) return;
      state.text = typed;
      setText(typed);
      localStorage.setItem(key, JSON.stringify({ text: typed, blob: state.blob } satisfies Kept));
      setSaving((before) => (before === 'conflict' ? before : 'typing'));
      window.clearTimeout(state.timer);
      state.timer = window.setTimeout(save, REST);
    },
    [key, save],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: another file is another component, by its key
  useEffect(() => {
    let isHere = true;
    load().then(
      (read) => {
        if (!isHere) return;
        const kept: Kept | null = JSON.parse(localStorage.getItem(key) ?? 'null');
        const state = now.current;
        state.blob = read.blob;
        state.text = kept?.text ?? read.text ?? '';
        setBinary(typeof read.text !== 'string');
        setText(state.text);
        if (!kept || kept.text === read.text) return;
        if (kept.blob === read.blob) save();
        else {
          setTheirs({ text: read.text ?? '', blob: read.blob });
          setSaving('conflict');
        }
      },
      (refusal) => isHere && setError(refusal),
    );
    return () => {
      isHere = false;
      // What is still to be saved is saved on leaving.
      if (localStorage.getItem(key) !== null) save();
    };
  }, []);

  const choose = (whose: 'mine' | 'theirs') => {
    if (!theirs) return;
    const state = now.current;
    state.blob = theirs.blob;
    setTheirs(undefined);
    setError(undefined);
    if (whose === 'mine') save();
    else {
      state.text = theirs.text;
      setText(theirs.text);
      localStorage.removeItem(key);
      setSaving('saved');
    }
  };
  return { text, isBinary, saving, error, theirs, type, save, choose };
}
