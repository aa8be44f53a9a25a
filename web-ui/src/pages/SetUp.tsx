import { useNavigate } from '@tanstack/react-router';
import { setUp } from '../api/gen/sdk.gen';
import { AuthForm } from '../features/auth/AuthForm';
import { paths } from '../paths';
import { useIdOf } from '../util/where';

export function SetUp() {
  const navigate = useNavigate();
  const token = useIdOf('token');
  return (
    <AuthForm
      title="Set up Conman"
      lead="Make the first account. It administers this instance and invites the others. The link works once."
      button="Create account"
      fields={[
        { name: 'name', label: 'Name', autoComplete: 'name' },
        {
          name: 'handle',
          label: 'Handle',
          hint: 'Short and lower-case; it names your branches',
          autoComplete: 'nickname',
        },
        { name: 'email', label: 'E-mail', type: 'email', autoComplete: 'username' },
        { name: 'password', label: 'Password', type: 'password', autoComplete: 'new-password' },
      ]}
      onSend={({ name = '', handle = '', email = '', password = '' }) =>
        setUp({ body: { token, name, handle, email, password } })
      }
      onDone={() => navigate({ to: paths.newApp, replace: true })}
    />
  );
}
