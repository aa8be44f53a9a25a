import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { widenParameter } from '../../api/gen/sdk.gen';
import type { DeclaredParameter } from '../../api/gen/types.gen';
import { fieldErrors, formError } from '../../api/problem';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextArea, TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { boundsOf } from '../parameters/bounds';
import { textOf, type Value } from '../parameters/edits';
import { given, givenList } from './given';

type WidenFormProps = { app: string; parameter: DeclaredParameter; onClose: () => void };

const isGiven = (value: unknown) => value !== undefined && value !== null;

/** True where a parameter has bounds that can be widened. */
export const canWiden = (parameter: DeclaredParameter) =>
  isGiven(parameter.allowed_values) || isGiven(parameter.min) || isGiven(parameter.max);

/** Lets a parameter have more values than now, by a changeset that is submitted at once. */
export function WidenForm({ app, parameter, onClose }: WidenFormProps) {
  const navigate = useNavigate();
  const [allowText, setAllow] = useState('');
  const [minText, setMin] = useState('');
  const [maxText, setMax] = useState('');
  const [why, setWhy] = useState('');
  const allow = givenList(parameter.type, allowText);
  const [min, max] = [given(parameter.type, minText), given(parameter.type, maxText)];
  const isWider = ('values' in allow && allow.values.length > 0) || 'value' in min || 'value' in max;
  const isRead = !('problem' in allow) && !('problem' in min) && !('problem' in max);
  const widen = useAct(
    () =>
      widenParameter({
        path: { appId: app, name: parameter.name },
        body: {
          ...('values' in allow ? { allow: allow.values } : {}),
          ...('value' in min ? { min: min.value } : {}),
          ...('value' in max ? { max: max.value } : {}),
          description: why,
        },
      }),
    {
      done: ({ data }) => `#${data?.number} is submitted`,
      quiet: true,
      onDone: ({ data }) => data && navigate({ to: paths.changeset(app, data.id) }),
    },
  );
  const errors = fieldErrors(widen.error);
  return (
    <Dialog
      title={`Widen ${parameter.name}`}
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={!isWider || !isRead}
            isPending={widen.isPending}
            onPress={() => widen.mutate()}
          >
            Submit as a changeset
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-1">
        <FormError error={formError(widen.error, ['allow', 'min', 'max'])} />
        <p className="pb-2">
          A {parameter.type}, {boundsOf(parameter)}.
        </p>
        {parameter.allowed_values && (
          <TextArea
            label="Also allow"
            hint="One a line"
            value={allowText}
            error={'problem' in allow ? allow.problem : errors.allow}
            onChange={(event) => setAllow(event.target.value)}
          />
        )}
        {isGiven(parameter.min) && (
          <TextField
            label="At least"
            hint={`Now ${textOf(parameter.min as Value)}`}
            value={minText}
            error={'problem' in min ? min.problem : errors.min}
            onChange={(event) => setMin(event.target.value)}
          />
        )}
        {isGiven(parameter.max) && (
          <TextField
            label="At most"
            hint={`Now ${textOf(parameter.max as Value)}`}
            value={maxText}
            error={'problem' in max ? max.problem : errors.max}
            onChange={(event) => setMax(event.target.value)}
          />
        )}
        <TextArea
          label="Why"
          hint="The changeset's description"
          value={why}
          onChange={(event) => setWhy(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
