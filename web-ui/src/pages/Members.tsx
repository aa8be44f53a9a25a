import { useQuery } from '@tanstack/react-query';
import { KeyRound, MailPlus } from 'lucide-react';
import { useState } from 'react';
import {
  getAppOptions,
  listEnvironmentsOptions,
  listInvitesOptions,
  listMembersOptions,
  listServiceTokensOptions,
} from '../api/gen/@tanstack/react-query.gen';
import {
  changeRole,
  createServiceToken,
  invite,
  removeMember,
  resendInvite,
  revokeInvite,
  revokeServiceToken,
} from '../api/gen/sdk.gen';
import type { Member, Role } from '../api/gen/types.gen';
import { fieldErrors, formError } from '../api/problem';
import { Secret } from '../features/shell/Secret';
import { AddForm } from '../ui/AddForm';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Select, TextField } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Status, words } from '../ui/Status';
import { Empty, FormError, Loaded } from '../ui/states';
import { Table } from '../ui/Table';
import { Tabs } from '../ui/Tabs';
import { Time } from '../ui/Time';
import { useAct } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

const ROLES: Role[] = ['user', 'reviewer', 'config_manager', 'app_admin'];
const roleChoices = ROLES.map((role) => ({ value: role, label: words(role) }));
const all = { limit: 200 };

export function Members() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const app = useQuery(getAppOptions({ path: { appId } }));
  const isAdmin = app.data?.role === 'app_admin';
  return (
    <Page title="Members">
      <Tabs
        label="Who and what has access"
        selected={search.tab ?? 'members'}
        onSelect={(tab) => change({ tab: tab === 'members' ? undefined : tab }, true)}
        parts={[
          { id: 'members', label: 'Members', content: <People app={appId} /> },
          ...(isAdmin
            ? [
                { id: 'invites', label: 'Invites', content: <Invites app={appId} /> },
                { id: 'tokens', label: 'Service tokens', content: <Tokens app={appId} /> },
              ]
            : []),
        ]}
      />
    </Page>
  );
}

function People({ app }: { app: string }) {
  const members = useQuery(listMembersOptions({ path: { appId: app }, query: all }));
  const [leaving, askRemove] = useState<Member | undefined>();
  const role = useAct(
    ({ member, to }: { member: Member; to: Role }) =>
      changeRole({
        path: { appId: app, userId: member.user_id },
        body: { role: to },
        headers: { 'If-Match': member.etag },
      }),
    { done: 'Role changed' },
  );
  const remove = useAct((member: Member) => removeMember({ path: { appId: app, userId: member.user_id } }), {
    done: 'Removed',
    onDone: () => askRemove(undefined),
  });
  return (
    <Panel>
      <Loaded query={members}>
        {({ data }) => (
          <Table label="Members" head={['Name', 'E-mail', 'Role', 'Since', '']}>
            {data.map((member) => (
              <tr key={member.user_id}>
                <td>
                  <span className="font-medium">{member.name}</span>
                  <span className="block text-sm text-soft">{member.handle}</span>
                </td>
                <td>{member.email}</td>
                <td>
                  {member.allowed_actions.includes('change_role') ? (
                    <div className="min-w-36">
                      <Select
                        label={`Role of ${member.name}`}
                        hideLabel
                        value={member.role}
                        onChange={(event) => role.mutate({ member, to: event.target.value as Role })}
                        choices={roleChoices}
                      />
                    </div>
                  ) : (
                    words(member.role)
                  )}
                </td>
                <td className="text-soft">
                  <Time at={member.joined_at} />
                </td>
                <td className="text-right">
                  {member.allowed_actions.includes('remove') && (
                    <Button small look="danger" aria-label={`Remove ${member.name}`} onPress={() => askRemove(member)}>
                      Remove
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
      <Dialog
        title={`Remove ${leaving?.name}?`}
        isOpen={leaving !== undefined}
        onClose={() => askRemove(undefined)}
        footer={
          <Button look="danger" isPending={remove.isPending} onPress={() => leaving && remove.mutate(leaving)}>
            Remove
          </Button>
        }
      >
        They lose access to this app at once. What they wrote stays.
      </Dialog>
    </Panel>
  );
}

function Invites({ app }: { app: string }) {
  const path = { appId: app };
  const invites = useQuery(listInvitesOptions({ path, query: all }));
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('user');
  const send = useAct(() => invite({ path, body: { email, role } }), {
    done: 'Invited; the mail is on its way',
    onDone: () => setEmail(''),
    quiet: true,
  });
  const again = useAct((inviteId: string) => resendInvite({ path: { ...path, inviteId } }), { done: 'Sent again' });
  const revoke = useAct((inviteId: string) => revokeInvite({ path: { ...path, inviteId } }), { done: 'Revoked' });
  return (
    <Panel>
      <AddForm onSubmit={() => send.mutate()}>
        <div className="min-w-56 flex-1">
          <TextField
            label="E-mail"
            type="email"
            required
            value={email}
            error={fieldErrors(send.error).email}
            onChange={(event) => setEmail(event.target.value)}
          />
        </div>
        <Select
          label="Role"
          value={role}
          onChange={(event) => setRole(event.target.value as Role)}
          choices={roleChoices}
        />
        <div className="pt-6">
          <Button type="submit" look="primary" icon={MailPlus} isPending={send.isPending}>
            Invite
          </Button>
        </div>
        <FormError error={formError(send.error, ['email'])} />
      </AddForm>
      <Loaded query={invites}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon={MailPlus} title="Nobody is invited" />
          ) : (
            <Table label="Invites" head={['E-mail', 'Role', 'State', 'Expires', '']}>
              {data.map((one) => (
                <tr key={one.id}>
                  <td>{one.email}</td>
                  <td>{words(one.role)}</td>
                  <td>
                    <Status state={one.state} />
                  </td>
                  <td className="text-soft">
                    <Time at={one.expires_at} />
                  </td>
                  <td>
                    <span className="flex justify-end gap-1.5">
                      {one.allowed_actions.includes('resend') && (
                        <Button small onPress={() => again.mutate(one.id)}>
                          Send again
                        </Button>
                      )}
                      {one.allowed_actions.includes('revoke') && (
                        <Button small look="danger" onPress={() => revoke.mutate(one.id)}>
                          Revoke
                        </Button>
                      )}
                    </span>
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

function Tokens({ app }: { app: string }) {
  const path = { appId: app };
  const tokens = useQuery(listServiceTokensOptions({ path, query: all }));
  const stages = useQuery(listEnvironmentsOptions({ path }));
  const list = stages.data?.data ?? [];
  const [name, setName] = useState('');
  const [stage, setStage] = useState('');
  const [secret, setSecret] = useState<string | undefined>();
  const create = useAct(
    () => createServiceToken({ path, body: { name, environment_id: stage || (list[0]?.id ?? '') } }),
    {
      quiet: true,
      onDone: ({ data }) => {
        setName('');
        setSecret(data?.secret);
      },
    },
  );
  const revoke = useAct((tokenId: string) => revokeServiceToken({ path: { ...path, tokenId } }), { done: 'Revoked' });
  return (
    <Panel>
      <AddForm onSubmit={() => create.mutate()}>
        <div className="min-w-56 flex-1">
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
          label="Environment"
          value={stage}
          onChange={(event) => setStage(event.target.value)}
          choices={list.map(({ id, name: label }) => ({ value: id, label }))}
        />
        <div className="pt-6">
          <Button type="submit" look="primary" icon={KeyRound} isPending={create.isPending}>
            Create token
          </Button>
        </div>
        <FormError error={formError(create.error, ['name'])} />
      </AddForm>
      {secret && <Secret secret={secret} onClose={() => setSecret(undefined)} />}
      <Loaded query={tokens}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon={KeyRound} title="No service tokens">
              Workers and programs read an environment with one.
            </Empty>
          ) : (
            <Table label="Service tokens" head={['Name', 'Environment', 'Last used', 'Made', '']}>
              {data.map((token) => (
                <tr key={token.id}>
                  <td className="font-medium">{token.name}</td>
                  <td>{list.find(({ id }) => id === token.environment_id)?.name}</td>
                  <td className="text-soft">{token.last_used_at ? <Time at={token.last_used_at} /> : 'Never'}</td>
                  <td className="text-soft">
                    <Time at={token.created_at} />
                  </td>
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
