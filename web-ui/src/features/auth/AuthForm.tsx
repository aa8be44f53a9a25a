import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { fieldErrors, formError } from '../../api/problem';
import { Button } from '../../ui/Button';
import { TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';

type AuthField = {
  name: string;
  label: string;
  type?: string;
  autoComplete?: string;
  hint?: string;
  minLength?: number;
};
type AuthFormProps = {
  title: string;
  lead?: React.ReactNode;
  button: string;
  fields: AuthField[];
  onSend: (values: Record<string, string>) => Promise<unknown>;
  onDone: () => void;
  below?: React.ReactNode;
  /** Where the server's pointers start, if not at the body itself. */
  prefix?: string;
};

/** The frame of the pages in front of the console. */
export function AuthFrame({
  title,
  lead,
  children,
}: {
  title: string;
  lead?: React.ReactNode;
  children: React.ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Conman`;
  }, [title]);
  return (
    <main className="flex min-h-screen items-center justify-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-5 flex items-center gap-2.5">
          <img src="/favicon.svg" alt="" className="size-7" />
          <span className="text-lg font-semibold">Conman</span>
        </div>
        <div className="rounded-lg border border-line bg-panel p-5 shadow-raised">
          <h1 className="text-xl">{title}</h1>
          {lead && <div className="mt-1 text-soft">{lead}</div>}
          <div className="mt-4">{children}</div>
        </div>
      </div>
    </main>
  );
}

/** A form in front of the console: what is wrong stands at its field. */
export function AuthForm({ title, lead, button, fields, onSend, onDone, below, prefix = '' }: AuthFormProps) {
  const queries = useQueryClient();
  const [values, setValues] = useState<Record<string, string>>({});
  const send = useMutation({
    mutationFn: onSend,
    onSuccess: () => {
      queries.clear();
      onDone();
    },
  });
  const errors = fieldErrors(send.error, prefix);
  const rest = formError(
    send.error,
    fields.map((field) => (prefix ? `${prefix.slice(1)}.${field.name}` : field.name)),
  );
  return (
    <AuthFrame title={title} lead={lead}>
      <form
        className="flex flex-col gap-1"
        onSubmit={(event) => {
          event.preventDefault();
          send.mutate(values);
        }}
      >
        {fields.map(({ name, ...field }) => (
          <TextField
            key={name}
            {...field}
            name={name}
            required
            value={values[name] ?? ''}
            onChange={(event) => setValues({ ...values, [name]: event.target.value })}
            error={errors[name]}
          />
        ))}
        <FormError error={rest} />
        <div className="mt-2 flex items-center justify-between gap-3">
          <Button type="submit" look="primary" isPending={send.isPending}>
            {button}
          </Button>
          {below}
        </div>
      </form>
    </AuthFrame>
  );
}
