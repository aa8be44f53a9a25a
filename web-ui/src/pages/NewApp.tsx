import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { createApp } from '../api/gen/sdk.gen';
import { fieldErrors, formError } from '../api/problem';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { TextField } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { FormError } from '../ui/states';
import { useAct } from '../util/act';

const slugOf = (name: string) =>
  name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

export function NewApp() {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [slug, setSlug] = useState<string | undefined>();
  const create = useAct(() => createApp({ body: { name, slug: slug ?? slugOf(name), source: { kind: 'empty' } } }), {
    quiet: true,
    onDone: ({ data }) => data && navigate({ to: paths.app(data.id) }),
  });
  const errors = fieldErrors(create.error);
  return (
    <Page title="New app" note="One app is one Git repository of configuration, with its environments and members.">
      <Panel>
        <form
          className="flex max-w-lg flex-col gap-1 p-4"
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          <TextField
            label="Name"
            required
            value={name}
            error={errors.name}
            onChange={(event) => setName(event.target.value)}
          />
          <TextField
            label="Slug"
            hint="Names its Git repository and branches"
            required
            value={slug ?? slugOf(name)}
            error={errors.slug}
            onChange={(event) => setSlug(event.target.value)}
          />
          <FormError error={formError(create.error, ['name', 'slug'])} />
          <div className="mt-2">
            <Button type="submit" look="primary" isPending={create.isPending}>
              Create app
            </Button>
          </div>
        </form>
      </Panel>
    </Page>
  );
}
