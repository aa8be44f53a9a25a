import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { addParameter } from '../../api/gen/sdk.gen';
import type { ParameterCategory, ParameterType } from '../../api/gen/types.gen';
import { fieldErrors, formError, problemOf } from '../../api/problem';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Select, TextArea, TextField } from '../../ui/Field';
import { words } from '../../ui/Status';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { type Given, given, givenList } from './given';

const TYPES: ParameterType[] = ['string', 'int', 'number', 'bool', 'enum', 'duration', 'json'];
const CATEGORIES: ParameterCategory[] = ['threshold', 'filter_flag', 'cooldown', 'risk_limit'];
const EMPTY = {
  name: '',
  type: 'string' as ParameterType,
  default: '',
  allowed: '',
  min: '',
  max: '',
  group: '',
  description: '',
  category: '' as ParameterCategory | '',
  owner: '',
  file: '',
  why: '',
  required: false,
  critical: false,
  hot_reloadable: true,
  excluded_from_runs: false,
};
const FLAGS = [
  ['required', 'There must be a value'],
  ['critical', 'Critical: a change needs an approval'],
  ['hot_reloadable', 'A running worker may take a new value'],
  ['excluded_from_runs', 'Runs leave it out of their parameter sets'],
] as const;

/** The fields that say themselves what is wrong with them. */
const SHOWN = ['name', 'default', 'min', 'max', 'allowed_values', 'group', 'description', 'owner'];

type ParameterFormProps = { app: string; groups: string[]; onClose: () => void };

/** Declares a parameter that is not there yet, by a changeset that is submitted at once. */
export function ParameterForm({ app, groups, onClose }: ParameterFormProps) {
  const navigate = useNavigate();
  const [wish, setWish] = useState(EMPTY);
  const set = (part: Partial<typeof EMPTY>) => setWish({ ...wish, ...part });
  const read: Record<'default' | 'min' | 'max', Given> = {
    default: given(wish.type, wish.default),
    min: given(wish.type, wish.min),
    max: given(wish.type, wish.max),
  };
  const allowed = givenList(wish.type, wish.allowed);
  const hasBounds = ['int', 'number', 'duration'].includes(wish.type);
  const hasChoices = wish.type !== 'bool' && wish.type !== 'json';
  const typed = [read.default, ...(hasBounds ? [read.min, read.max] : []), ...(hasChoices ? [allowed] : [])];
  const isRead = typed.every((one) => !('problem' in one));
  const add = useAct(
    () => {
      const part = (name: 'default' | 'min' | 'max') => {
        const found = read[name];
        return 'value' in found ? { [name]: found.value } : {};
      };
      return addParameter({
        path: { appId: app },
        body: {
          parameter: {
            name: wish.name.trim(),
            type: wish.type,
            group: wish.group.trim(),
            description: wish.description,
            required: wish.required,
            critical: wish.critical,
            hot_reloadable: wish.hot_reloadable,
            excluded_from_runs: wish.excluded_from_runs,
            deprecated: false,
            ...part('default'),
            ...(hasBounds ? { ...part('min'), ...part('max') } : {}),
            ...(hasChoices && 'values' in allowed && allowed.values.length > 0
              ? { allowed_values: allowed.values }
              : {}),
            ...(wish.category ? { category: wish.category } : {}),
            ...(wish.owner.trim() ? { owner: wish.owner.trim() } : {}),
          },
          description: wish.why,
          ...(wish.file.trim() ? { file: wish.file.trim() } : {}),
        },
      });
    },
    {
      done: ({ data }) => `#${data?.number} is submitted`,
      quiet: true,
      onDone: ({ data }) => data && navigate({ to: paths.changeset(app, data.id) }),
    },
  );
  const errors = fieldErrors(add.error);
  const isTaken = problemOf(add.error).code === 'parameter_exists';
  const field = (name: string) => errors[`parameter.${name}`];
  const wrong = (name: 'default' | 'min' | 'max') => {
    const one = read[name];
    return 'problem' in one ? one.problem : field(name);
  };
  return (
    <Dialog
      title="Add a parameter"
      isOpen
      wide
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={!wish.name.trim() || !isRead}
            isPending={add.isPending}
            onPress={() => add.mutate()}
          >
            Submit as a changeset
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-1">
        {!isTaken && (
          <FormError error={formError(add.error, SHOWN.map((name) => `parameter.${name}`).concat('file'))} />
        )}
        <div className="grid gap-x-3 sm:grid-cols-2">
          <TextField
            label="Name"
            hint="As programs read it, for example sms_daily_limit"
            spellCheck={false}
            value={wish.name}
            error={isTaken ? problemOf(add.error).detail : field('name')}
            onChange={(event) => set({ name: event.target.value })}
          />
          <Select
            label="Type"
            value={wish.type}
            onChange={(event) => set({ type: event.target.value as ParameterType })}
            choices={TYPES.map((type) => ({ value: type, label: type }))}
          />
          <TextField
            label="Description"
            hint="What it does, for people"
            value={wish.description}
            error={field('description')}
            onChange={(event) => set({ description: event.target.value })}
          />
          <TextField
            label="Default"
            hint={wish.type === 'bool' ? 'true or false' : 'Where an environment gives no value'}
            value={wish.default}
            error={wrong('default')}
            onChange={(event) => set({ default: event.target.value })}
          />
          {hasBounds && (
            <>
              <TextField
                label="At least"
                value={wish.min}
                error={wrong('min')}
                onChange={(event) => set({ min: event.target.value })}
              />
              <TextField
                label="At most"
                value={wish.max}
                error={wrong('max')}
                onChange={(event) => set({ max: event.target.value })}
              />
            </>
          )}
          {hasChoices && (
            <TextArea
              label="Allowed values"
              hint={wish.type === 'enum' ? 'One a line' : 'One a line; any, if there is none'}
              value={wish.allowed}
              error={'problem' in allowed ? allowed.problem : field('allowed_values')}
              onChange={(event) => set({ allowed: event.target.value })}
            />
          )}
          <TextField
            label="Group"
            hint="The heading it stands under"
            list="groups"
            value={wish.group}
            error={field('group')}
            onChange={(event) => set({ group: event.target.value })}
          />
          <datalist id="groups">
            {groups.map((group) => (
              <option key={group} value={group} />
            ))}
          </datalist>
          <Select
            label="What it steers"
            value={wish.category}
            onChange={(event) => set({ category: event.target.value as ParameterCategory | '' })}
            choices={[
              { value: '', label: 'Nothing of these' },
              ...CATEGORIES.map((category) => ({ value: category, label: words(category) })),
            ]}
          />
          <TextField
            label="Owner"
            hint="Who answers for it"
            value={wish.owner}
            error={field('owner')}
            onChange={(event) => set({ owner: event.target.value })}
          />
          <TextField
            label="File"
            hint="Where its group is, if left out"
            placeholder="catalog/notifications.yml"
            spellCheck={false}
            value={wish.file}
            error={errors.file}
            onChange={(event) => set({ file: event.target.value })}
          />
        </div>
        <fieldset className="flex flex-col gap-1 pb-2">
          <legend className="pb-1 font-medium">How it is treated</legend>
          {FLAGS.map(([flag, label]) => (
            <label key={flag} className="flex items-center gap-1.5">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={wish[flag]}
                onChange={(event) => set({ [flag]: event.target.checked })}
              />
              {label}
            </label>
          ))}
        </fieldset>
        <TextArea
          label="Why"
          hint="The changeset's description"
          value={wish.why}
          onChange={(event) => set({ why: event.target.value })}
        />
      </div>
    </Dialog>
  );
}
