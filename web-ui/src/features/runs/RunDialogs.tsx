import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { endRun, registerRun } from '../../api/gen/sdk.gen';
import type { Run, RunStatus } from '../../api/gen/types.gen';
import { fieldErrors, formError } from '../../api/problem';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Select, TextArea, TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { varsOf } from '../profiles/vars';

/** Registers a run that a parameter set pins. */
export function RegisterRun({ app, hash, onClose }: { app: string; hash: string; onClose: () => void }) {
  const navigate = useNavigate();
  const [kind, setKind] = useState('');
  const [description, setDescription] = useState('');
  const register = useAct(
    () => registerRun({ path: { appId: app }, body: { parameter_set_hash: hash, kind: kind.trim(), description } }),
    { done: 'Registered', quiet: true, onDone: () => navigate({ to: paths.runs(app) }) },
  );
  const errors = fieldErrors(register.error);
  return (
    <Dialog
      title="Register a run"
      isOpen
      onClose={onClose}
      footer={
        <Button
          look="primary"
          isDisabled={!kind.trim()}
          isPending={register.isPending}
          onPress={() => register.mutate()}
        >
          Register
        </Button>
      }
    >
      <FormError error={formError(register.error, ['kind', 'description'])} />
      <TextField
        label="Kind"
        hint="For example backtest"
        spellCheck={false}
        value={kind}
        error={errors.kind}
        onChange={(event) => setKind(event.target.value)}
      />
      <TextField
        label="What it is for"
        value={description}
        error={errors.description}
        onChange={(event) => setDescription(event.target.value)}
      />
    </Dialog>
  );
}

/** Says how a run ended. */
export function EndRun({ app, run, onClose }: { app: string; run: Run; onClose: () => void }) {
  const [status, setStatus] = useState<RunStatus>('succeeded');
  const [note, setNote] = useState('');
  const [text, setText] = useState('');
  const results = text.trim() === '' ? undefined : varsOf(text);
  const end = useAct(
    () =>
      endRun({
        path: { appId: app, runId: run.id },
        body: { status, note, ...(results && 'vars' in results ? { results: results.vars } : {}) },
      }),
    { done: 'Ended', quiet: true, onDone: onClose },
  );
  const errors = fieldErrors(end.error);
  return (
    <Dialog
      title={`How did the ${run.kind} end?`}
      isOpen
      onClose={onClose}
      footer={
        <Button
          look="primary"
          isDisabled={results !== undefined && 'problem' in results}
          isPending={end.isPending}
          onPress={() => end.mutate()}
        >
          Save
        </Button>
      }
    >
      <div className="flex flex-col gap-1">
        <FormError error={formError(end.error, ['note', 'results', 'status'])} />
        <Select
          label="It"
          value={status}
          onChange={(event) => setStatus(event.target.value as RunStatus)}
          choices={[
            { value: 'succeeded', label: 'succeeded' },
            { value: 'failed', label: 'failed' },
            { value: 'canceled', label: 'was canceled' },
          ]}
        />
        <TextField label="Note" value={note} error={errors.note} onChange={(event) => setNote(event.target.value)} />
        <TextArea
          label="Results"
          hint="Optional, one JSON object"
          spellCheck={false}
          value={text}
          error={results && 'problem' in results ? results.problem : errors.results}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
