import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { getFile, writeFiles } from '../../api/gen/sdk.gen';
import { problemOf } from '../../api/problem';
import { refresh } from '../../util/follow';

export type Saving = 'saved' | 'typing' | 'saving' | 'offline' | 'refused' | 'conflict';
type Path = { appId: string; workspaceId: string };
/** What was typed, over which content; no blob where there was no file. */
type Kept = { text: string; blob: string | null; base?: string };
/** What somebody else made of the file meanwhile, and what both began with; no text where it is gone. */
type Theirs = { text: string | undefined; blob: string | null; base: string };

/** How long typing rests before it is saved. */
const REST = 700;
const UNSAVED = 'conman.unsaved.';

/** Where this browser keeps what is not saved yet of a file. */
export const unsavedKey = (path: Path, file: string) => `${UNSAVED}${path.workspaceId}.${file}`;

/** Forgets all that is not saved yet of a workspace. */
export function forgetUnsaved(path: Path) {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(`${UNSAVED}${path.workspaceId}.`)) localStorage.removeItem(key);
  }
}

/** What is kept; nothing where it cannot be read. */
function kept(key: string): Kept | undefined {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

/** Forgets a text that is saved by now, unless another tab has typed something else since. */
function forget(key: string, text: string) {
  if (kept(key)?.text === text) localStorage.removeItem(key);
}

/**
 * One file of a workspace, saved while one types. What is not saved yet is kept in this browser, also across a reload;
 * a write that is based on another content than the present one is held until the person has chosen.
 */
export function useFile(path: Path, file: string) {
  const key = unsavedKey(path, file);
  const queries = useQueryClient();
  const [text, setText] = useState<string | undefined>();
  const [isBinary, setBinary] = useState(false);
  const [saving, setSaving] = useState<Saving>('saved');
  const [error, setError] = useState<unknown>();
  const [theirs, setTheirs] = useState<Theirs | undefined>();
  const now = useRef({
    text: '',
    base: '',
    blob: null as string | null,
    isWriting: false,
    isHeld: false,
    isGone: false,
    timer: 0,
  });

  /** The file as it is; nothing where it is gone. */
  const load = useCallback(async () => {
    try {
      return (await getFile({ path, query: { path: file } })).data;
    } catch (refusal) {
      if (problemOf(refusal).status === 404) return undefined;
      throw refusal;
    }
  }, [path, file]);

  const hold = useCallback((present: { text?: string | null; blob: string } | undefined) => {
    now.current.isHeld = true;
    setTheirs({
      text: present ? (present.text ?? '') : undefined,
      blob: present?.blob ?? null,
      base: now.current.base,
    });
    setSaving('conflict');
  }, []);

  const save = useCallback(async () => {
    const state = now.current;
    window.clearTimeout(state.timer);
    if (state.isWriting || state.isHeld || state.isGone) return;
    state.isWriting = true;
    setSaving('saving');
    const wanted = state.text;
    try {
      await writeFiles({
        path,
        body: { edits: [{ op: 'put', path: file, text: wanted, expected_blob: state.blob }] },
      });
      const written = await load();
      if (written?.text !== wanted) {
        state.base = wanted;
        hold(written);
      } else {
        [state.blob, state.base] = [written.blob, wanted];
        forget(key, wanted);
        if (state.text === wanted) setSaving('saved');
        else state.timer = window.setTimeout(save, REST);
      }
      setError(undefined);
      refresh(queries);
    } catch (refusal) {
      setError(refusal);
      const { status } = problemOf(refusal);
      const retry = () => {
        setSaving('offline');
        state.timer = window.setTimeout(save, 5_000);
      };
      if (status === 409 || status === 412) {
        await load().then((present) => {
          // Somebody has written the very same.
          if (present?.text !== wanted) return hold(present);
          [state.blob, state.base] = [present.blob, wanted];
          forget(key, wanted);
          setError(undefined);
          setSaving('saved');
        }, retry);
      } else if (status === 0 || status >= 500) retry();
      else setSaving('refused');
    } finally {
      state.isWriting = false;
    }
  }, [path, file, load, hold, key, queries]);

  const keep = useCallback(() => {
    const { text: typed, blob, base } = now.current;
    localStorage.setItem(key, JSON.stringify({ text: typed, blob, base } satisfies Kept));
  }, [key]);

  const type = useCallback(
    (typed: string) => {
      const state = now.current;
      if (typed === state.text) return;
      state.text = typed;
      setText(typed);
      keep();
      setSaving((before) => (before === 'conflict' ? before : 'typing'));
      window.clearTimeout(state.timer);
      state.timer = window.setTimeout(save, REST);
    },
    [keep, save],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: another file is another component, by its key
  useEffect(() => {
    let isHere = true;
    load().then(
      (read) => {
        if (!isHere) return;
        const before = kept(key);
        const state = now.current;
        state.blob = read?.blob ?? null;
        state.base = read?.text ?? '';
        state.text = before?.text ?? state.base;
        setBinary(read !== undefined && typeof read.text !== 'string');
        setText(state.text);
        if (!before || before.text === read?.text) return;
        if (before.blob === state.blob) save();
        else {
          state.base = before.base ?? state.base;
          hold(read);
        }
      },
      (refusal) => isHere && setError(refusal),
    );
    return () => {
      isHere = false;
      // What is still to be saved is saved on leaving.
      if (kept(key) !== undefined) save();
    };
  }, []);

  /** Decides what the file holds after somebody else has changed it; nothing lets it go. */
  const choose = (chosen: string | undefined) => {
    if (!theirs) return;
    const state = now.current;
    state.isHeld = false;
    state.blob = theirs.blob;
    state.base = theirs.text ?? '';
    setTheirs(undefined);
    setError(undefined);
    if (chosen === undefined) {
      state.isGone = true;
      localStorage.removeItem(key);
      return;
    }
    state.text = chosen;
    setText(chosen);
    keep();
    if (chosen === theirs.text) {
      localStorage.removeItem(key);
      setSaving('saved');
    } else save();
  };
  return { text, isBinary, saving, error, theirs, type, save, choose };
}
