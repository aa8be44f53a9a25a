import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { forgotPassword, resetPassword } from '../api/gen/sdk.gen';
import { AuthForm, AuthFrame } from '../features/auth/AuthForm';
import { paths } from '../paths';
import { useIdOf } from '../util/where';

export function ForgotPassword() {
  const [sent, setSent] = useState(false);
  const back = (
    <Link to={paths.signIn} className="text-accent hover:underline">
      Back to sign-in
    </Link>
  );
  if (sent) {
    return (
      <AuthFrame title="Watch your mail" lead="If there is an account with that address, a link is on its way to it.">
        {back}
      </AuthFrame>
    );
  }
  return (
    <AuthForm
      title="Reset your password"
      lead="We send a link to your address."
      button="Send link"
      fields={[{ name: 'email', label: 'E-mail', type: 'email', autoComplete: 'username' }]}
      onSend={({ email = '' }) => forgotPassword({ body: { email } })}
      onDone={() => setSent(true)}
      below={back}
    />
  );
}

export function ResetPassword() {
  const token = useIdOf('token');
  const navigate = useNavigate();
  return (
    <AuthForm
      title="Choose a new password"
      button="Set password"
      fields={[{ name: 'password', label: 'New password', type: 'password', autoComplete: 'new-password' }]}
      onSend={({ password = '' }) => resetPassword({ body: { token, password } })}
      onDone={() => navigate({ to: paths.signIn, replace: true })}
    />
  );
}
