import { useQuery } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { listTokensOptions, meOptions, notificationPreferencesOptions } from '../api/gen/@tanstack/react-query.gen';
import { changePassword, createToken, revokeToken, updateNotificationPreferences } from '../api/gen/sdk.gen';
import type { Scope } from '../api/gen/types.gen';
import { fieldErrors, formError } from '../api/problem';
import { Secret } from '../features/shell/Secret';
import { AddForm } from '../ui/AddForm';
import { Button } from '../ui/Button';
import { Select, TextField } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { words } from '../ui/Status';
import { Empty, FormError, Loaded } from '../ui/states';
import { Table } from '../ui/Table';
import { Time } from '../ui/Time';
import { useAct } from '../util/act';

export function MePage() {
  const me = useQuery(meOptions());
  const preferences = useQuery(notificationPreferencesOptions());
  const mail = useAct((on: boolean) => updateNotificationPreferences({ body: { mail: on } }), { done: 'Saved' });
  return (
    <Page title="Your account" note={me.data && `${me.data.name}, ${me.data.email}, ${me.data.handle}`}>
      <Panel title="Notifications">
        <label className="flex items-center gap-2 px-4 py-3">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={preferences.data?.mail ?? false}
            disabled={!preferences.data}
            onChange={(event) => mail.mutate(event.target.checked)}
          />
          Mail me about what waits for me
        </label>
      </Panel>
      <Password />
      <Tokens />
    </Page>
  );
}

function Password() {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const save = useAct(() => changePassword({ body: { current_password: current, new_password: next } }), {
    done: 'Password changed',
    quiet: true,
    onDone: () => {
      setCurrent('');
      setNext('');
    },
  });
  const errors = fieldErrors(save.error);
  return (
    <Panel title="Password">
      <form
        className="flex flex-wrap items-start gap-3 p-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <div className="min-w-52 flex-1">
          <TextField
            label="Current password"
            type="password"
            autoComplete="current-password"
            required
            value={current}
            error={errors.current_password}
            onChange={(event) => setCurrent(event.target.value)}
          />
        </div>
        <div className="min-w-52 flex-1">
          <TextField
            label="New password"
            type="password"
            autoComplete="new-password"
            required
            value={next}
            error={errors.new_password}
            onChange={(event) => setNext(event.target.value)}
          />
        </div>
        <div className="pt-6">
          <Button type="submit" isPending={save.isPending}>
            Change password
          </Button>
        </div>
        <FormError error={formError(save.error, ['current_password', 'new_password'])} />
      </form>
    </Panel>
  );
}

const DAYS = [7, 30, 90, 365];

function Tokens() {
  const tokens = useQuery(listTokensOptions({ query: { limit: 200 } }));
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>('read');
  const [days, setDays] = useState(30);
  const [secret, setSecret] = useState<string | undefined>();
  const create = useAct(
    () =>
      createToken({
        body: { name, scope, expires_at: new Date(Date.now() + days * 86_400_000).toISOString() },
      }),
    {
      quiet: true,
      onDone: ({ data }) => {
        setName('');
        setSecret(data?.secret);
      },
    },
  );
  const revoke = useAct((tokenId: string) => revokeToken({ path: { tokenId } }), { done: 'Revoked' });
  return (
    <Panel title="Personal tokens">
      <AddForm onSubmit={() => create.mutate()}>
        <div className="min-w-52 flex-1">
          <TextField
            label="Name"
            required
            hint="What uses it"
            value={name}
            error={fieldErrors(create.error).name}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <Select
          label="May"
          value={scope}
          onChange={(event) => setScope(event.target.value as Scope)}
          choices={[
            { value: 'read', label: 'Read' },
            { value: 'write', label: 'Read and write' },
          ]}
        />
        <Select
          label="For"
          value={String(days)}
          onChange={(event) => setDays(Number(event.target.value))}
          choices={DAYS.map((one) => ({ value: String(one), label: `${one} days` }))}
        />
        <div className="pt-6">
          <Button type="submit" icon={KeyRound} isPending={create.isPending}>
            Create token
          </Button>
        </div>
        <FormError error={formError(create.error, ['name'])} />
      </AddForm>
      {secret && <Secret secret={secret} onClose={() => setSecret(undefined)} />}
      <Loaded query={tokens}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon={KeyRound} title="No tokens">
              The command line and Git sign in with one.
            </Empty>
          ) : (
            <Table label="Personal tokens" head={['Name', 'May', 'Last used', 'Expires', '']}>
              {data.map((token) => (
                <tr key={token.id}>
                  <td className="font-medium">{token.name}</td>
                  <td>{words(token.scope)}</td>
                  <td className="text-soft">{token.last_used_at ? <Time at={token.last_used_at} /> : 'Never'}</td>
                  <td className="text-soft">{token.expires_at ? <Time at={token.expires_at} /> : 'Never'}</td>
                  <td className="text-right">
                    {token.allowed_actions.includes('revoke') && (
                      <Button small look="danger" onPress={() => revoke.mutate(token.id)}>
                        Revoke
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
    </Panel>
  );
}
