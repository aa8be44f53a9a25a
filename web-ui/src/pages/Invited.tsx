import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { lookAtInviteOptions } from '../api/gen/@tanstack/react-query.gen';
import { acceptInvite, askForNewInvite } from '../api/gen/sdk.gen';
import { AuthForm, AuthFrame } from '../features/auth/AuthForm';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { words } from '../ui/Status';
import { Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { useAct } from '../util/act';
import { useIdOf } from '../util/where';

export function Invited() {
  const token = useIdOf('token');
  const navigate = useNavigate();
  const invite = useQuery(lookAtInviteOptions({ path: { token } }));
  const ask = useAct(() => askForNewInvite({ path: { token } }), { done: 'Asked for a new invite' });
  const join = (account: { handle: string; name: string; password: string } | null) =>
    acceptInvite({ body: { token, account } });
  if (!invite.data) {
    return (
      <AuthFrame title="Invite">
        <Loaded query={invite}>{() => null}</Loaded>
      </AuthFrame>
    );
  }
  const { app_name, inviter, role, email, expired, expires_at, has_account } = invite.data;
  if (expired) {
    return (
      <AuthFrame title="This invite has expired" lead={`${inviter} had invited ${email} to ${app_name}.`}>
        <Button look="primary" isPending={ask.isPending} isDisabled={ask.isSuccess} onPress={() => ask.mutate()}>
          {ask.isSuccess ? 'Asked; watch your mail' : 'Ask for a new one'}
        </Button>
      </AuthFrame>
    );
  }
  const lead = (
    <>
      {inviter} invites <b className="font-semibold text-text">{email}</b> as{' '}
      <b className="font-semibold text-text">{words(role).toLowerCase()}</b>. It expires <Time at={expires_at} />.
    </>
  );
  return (
    <AuthForm
      title={`Join ${app_name}`}
      lead={lead}
      button="Join"
      prefix="/account"
      fields={
        has_account
          ? []
          : [
              { name: 'name', label: 'Name', autoComplete: 'name' },
              { name: 'handle', label: 'Handle', hint: 'Short and lower-case; it names your branches' },
              { name: 'password', label: 'Password', type: 'password', autoComplete: 'new-password' },
            ]
      }
      onSend={({ name = '', handle = '', password = '' }) => join(has_account ? null : { name, handle, password })}
      onDone={() => navigate({ to: paths.home, replace: true })}
    />
  );
}
