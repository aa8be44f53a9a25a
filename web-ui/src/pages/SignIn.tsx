import { Link, useNavigate } from '@tanstack/react-router';
import { login } from '../api/gen/sdk.gen';
import { AuthForm } from '../features/auth/AuthForm';
import { paths } from '../paths';
import { useFilters } from '../util/where';

/** Only addresses of this console are returned to. */
export const safeReturn = (to: string | undefined) => (to?.startsWith('/') && !/^\/[/\\]/.test(to) ? to : paths.home);

export function SignIn() {
  const navigate = useNavigate();
  const [search] = useFilters();
  return (
    <AuthForm
      title="Sign in"
      button="Sign in"
      fields={[
        { name: 'email', label: 'E-mail', type: 'email', autoComplete: 'username' },
        { name: 'password', label: 'Password', type: 'password', autoComplete: 'current-password' },
      ]}
      onSend={(values) => login({ body: { email: values.email ?? '', password: values.password ?? '' } })}
      onDone={() => navigate({ href: safeReturn(search.to), replace: true })}
      below={
        <Link to={paths.forgotPassword} className="text-accent hover:underline">
          Forgot your password?
        </Link>
      }
    />
  );
}
