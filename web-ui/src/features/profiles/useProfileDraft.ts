import { useState } from 'react';
import type { ProfileRevision, ProfileSettings, RuntimeProfile } from '../../api/gen/types.gen';
import { changesOf, type Row, readRows, rebasedRows, rowsFrom, rowsOf } from './rows';
import { formOf, rebasedForm, type SettingsForm, settingsDiff, settingsOf } from './settings';
import type { ReadVars, Vars } from './vars';

/** New values of secrets by name; null removes one. */
export type SecretEdits = Record<string, string | null>;
/** The variables as one text, while they are written like that. */
export type Text = { text: string; problem?: string };

type State = {
  /** What the draft was begun over. */
  base: { revision: number; vars: Vars; settings: ProfileSettings };
  rows: Row[];
  form: SettingsForm;
  secrets: SecretEdits;
  text?: Text | undefined;
  /** Where both changed something: what had been seen. */
  seen: Vars;
  /** The revision that somebody else made while one typed. */
  overtakenBy?: number | undefined;
};

type Seen = Pick<RuntimeProfile, 'revision' | 'env_vars' | 'settings'>;

const begun = ({ revision, env_vars, settings }: Seen): State => ({
  base: { revision, vars: env_vars as Vars, settings },
  rows: rowsOf(env_vars as Vars),
  form: formOf(settings),
  secrets: {},
  seen: {},
});

/** The draft over a newer revision: what was typed stays. */
function rebased(draft: State, next: Seen): State {
  const { rows, seen } = rebasedRows(draft.rows, draft.base.vars, next.env_vars as Vars);
  return {
    ...draft,
    base: { revision: next.revision, vars: next.env_vars as Vars, settings: next.settings },
    rows,
    form: rebasedForm(draft.form, draft.base.settings, next.settings),
    seen: { ...draft.seen, ...seen },
    text: draft.text?.problem ? draft.text : undefined,
    overtakenBy: next.revision,
  };
}

/** What somebody is about to make of a profile. */
export function useProfileDraft(profile: RuntimeProfile) {
  const [state, setState] = useState(() => begun(profile));
  const read = (draft: State) => {
    const { vars, problems } = readRows(
      draft.rows,
      Object.keys(profile.secrets).filter((name) => draft.secrets[name] !== null),
    );
    const settings = settingsOf(draft.form);
    const changes = changesOf(draft.base.vars, vars, draft.seen);
    const inSettings = settingsDiff(draft.base.settings, settings, (profile) => profile).length;
    const count = changes.length + inSettings + Object.keys(draft.secrets).length;
    const isDirty = count > 0 || Object.keys(problems).length > 0 || draft.text?.problem !== undefined;
    return { vars, problems, settings, changes, hasSettings: inSettings > 0, count, isDirty };
  };
  // What somebody else saved is seen at once: under what is typed, or instead of what is not.
  if (state.base.revision < profile.revision) {
    setState(read(state).isDirty ? rebased(state, profile) : begun(profile));
  }
  const change = (part: Partial<State>) => setState((before) => ({ ...before, ...part }));
  return {
    ...state,
    ...read(state),
    setRow: (key: string, part: Partial<Row>) =>
      setState((before) => ({
        ...before,
        text: undefined,
        rows: before.rows.map((row) => (row.key === key ? { ...row, ...part } : row)),
      })),
    undoRow: (key: string) =>
      setState((before) => ({
        ...before,
        text: undefined,
        rows: before.rows.flatMap((row): Row[] => {
          if (row.key !== key) return [row];
          const [original] = rowsOf(before.base.vars).filter(({ name }) => name === row.name);
          return row.isNew || !original ? [] : [{ ...original, key }];
        }),
      })),
    addRow: (key: string) =>
      setState((before) => ({
        ...before,
        text: undefined,
        rows: [{ key, name: '', type: 'string', text: '', isNew: true }, ...before.rows],
      })),
    write: (text: string, read: ReadVars) =>
      setState((before) =>
        'problem' in read
          ? { ...before, text: { text, problem: read.problem } }
          : { ...before, text: { text }, rows: rowsFrom(read.vars, before.rows, before.base.vars) },
      ),
    forgetText: () => change({ text: undefined }),
    setForm: (part: Partial<SettingsForm>) => setState((before) => ({ ...before, form: { ...before.form, ...part } })),
    setSecret: (name: string, value: string | null) =>
      setState((before) => ({ ...before, secrets: { ...before.secrets, [name]: value } })),
    undoSecret: (name: string) =>
      setState((before) => {
        const { [name]: _, ...secrets } = before.secrets;
        return { ...before, secrets };
      }),
    /** Takes the variables and settings of an earlier revision. */
    revert: ({ env_vars, settings }: ProfileRevision) =>
      change({
        rows: rowsFrom(env_vars as Vars, state.rows, state.base.vars),
        form: formOf(settings),
        text: undefined,
        secrets: {},
      }),
    discard: () => setState(begun(profile)),
    /** Begins again over what was just saved. */
    begin: (saved: Seen) => setState(begun(saved)),
  };
}

export type ProfileDraft = ReturnType<typeof useProfileDraft>;
