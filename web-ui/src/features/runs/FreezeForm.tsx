import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { freezeParameters } from '../../api/gen/sdk.gen';
import type { Environment } from '../../api/gen/types.gen';
import { fieldErrors, formError } from '../../api/problem';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Select, TextArea, TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { varsOf } from '../profiles/vars';

type FreezeFormProps = { app: string; stages: Environment[]; onClose: () => void };

/** Freezes what an environment runs into a parameter set; the same content is the same set. */
export function FreezeForm({ app, stages, onClose }: FreezeFormProps) {
  const navigate = useNavigate();
  const choices = stages.filter(({ running }) => running);
  const [chosen, choose] = useState('');
  const [code, setCode] = useState('');
  const [text, setText] = useState('');
  const stage = choices.find(({ id }) => id === chosen) ?? choices[0];
  const factors = text.trim() === '' ? { vars: {} } : varsOf(text);
  const freeze = useAct(
    () =>
      freezeParameters({
        path: { appId: app },
        body: {
          environment_id: stage?.id ?? '',
          // Frozen is what is on the screen: the version that is named in the list.
          base_version: stage?.running?.config_version ?? null,
          code_version: code.trim(),
          factors: 'vars' in factors ? factors.vars : {},
        },
      }),
    {
      done: ({ response }) => (response?.status === 200 ? 'That set was there already' : 'Frozen'),
      quiet: true,
      onDone: ({ data }) => data && navigate({ to: paths.parameterSet(app, data.hash) }),
    },
  );
  const errors = fieldErrors(freeze.error);
  const aboutFactors = Object.entries(errors).filter(([field]) => field.startsWith('factors'));
  return (
    <Dialog
      title="Freeze parameters"
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={!stage || !code.trim() || 'problem' in factors}
            isPending={freeze.isPending}
            onPress={() => freeze.mutate()}
          >
            Freeze
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-1">
        <FormError error={formError(freeze.error, ['code_version', ...aboutFactors.map(([field]) => field)])} />
        <p className="pb-2">
          Everything that decides what a run does, named by its content: values, catalog, factors and the program's own
          version.
        </p>
        {choices.length === 0 && <p className="pb-2 text-soft">No environment runs anything yet.</p>}
        <Select
          label="Environment"
          value={stage?.id ?? ''}
          onChange={(event) => choose(event.target.value)}
          choices={choices.map(({ id, name, running }) => ({
            value: id,
            label: `${name}, version ${running?.config_version}`,
          }))}
        />
        <TextField
          label="Version of the program"
          hint="A commit or a tag"
          spellCheck={false}
          value={code}
          error={errors.code_version}
          onChange={(event) => setCode(event.target.value)}
        />
        <TextArea
          label="Factors"
          hint="Optional, one JSON object: parameters with other values, and whatever else the program takes"
          spellCheck={false}
          rows={5}
          value={text}
          error={
            'problem' in factors
              ? factors.problem
              : aboutFactors.map(([field, message]) => `${field.replace(/^factors\.?/, '')} ${message}`).join('; ') ||
                undefined
          }
          onChange={(event) => setText(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
