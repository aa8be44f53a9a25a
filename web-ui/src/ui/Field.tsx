import { useId } from 'react';

export const inputLook =
  'w-full min-w-0 rounded-md border border-edge bg-panel px-2.5 h-8 text-text placeholder:text-soft aria-invalid:border-bad disabled:opacity-60';

type FieldProps = {
  label: string;
  hint?: string;
  error?: string | undefined;
  children: (ids: { id: string; 'aria-describedby': string; 'aria-invalid': boolean }) => React.ReactNode;
};

/** A labelled control. The line of its error is reserved, so that nothing moves when there is one. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({ id, 'aria-describedby': `${id}-note`, 'aria-invalid': error !== undefined })}
      <p id={`${id}-note`} className={`min-h-[1.125rem] text-sm ${error ? 'text-bad' : 'text-soft'}`}>
        {error ?? hint}
      </p>
    </div>
  );
}

type TextFieldProps = Omit<FieldProps, 'children'> & React.ComponentProps<'input'>;

export function TextField({ label, hint, error, ...input }: TextFieldProps) {
  return (
    <Field label={label} error={error} {...(hint ? { hint } : {})}>
      {(ids) => <input {...input} {...ids} className={inputLook} />}
    </Field>
  );
}

type TextAreaProps = Omit<FieldProps, 'children'> & React.ComponentProps<'textarea'>;

export function TextArea({ label, hint, error, ...area }: TextAreaProps) {
  return (
    <Field label={label} error={error} {...(hint ? { hint } : {})}>
      {(ids) => <textarea rows={3} {...area} {...ids} className={`${inputLook} h-auto py-1.5`} />}
    </Field>
  );
}

type Choice = { value: string; label: string };
type SelectProps = React.ComponentProps<'select'> & { label: string; choices: Choice[]; hideLabel?: boolean };

/** A native list of choices: phones and screen readers know it. */
export function Select({ label, choices, hideLabel, ...select }: SelectProps) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className={hideLabel ? 'sr-only' : 'font-medium'}>
        {label}
      </label>
      <select {...select} id={id} className={`${inputLook} min-w-24 pr-1`}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </div>
  );
}
