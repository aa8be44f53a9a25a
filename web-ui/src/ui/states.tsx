import { AlertTriangle, type LucideIcon } from 'lucide-react';
import { problemOf } from '../api/problem';
import { Button } from './Button';

/** Nothing there yet: says what to do first. */
export function Empty({
  icon: Icon,
  title,
  children,
}: {
  icon: LucideIcon;
  title: string;
  children?: React.ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-1.5 px-6 py-10 text-center">
      <Icon aria-hidden size={22} className="text-soft" />
      <p className="font-semibold">{title}</p>
      {children && <div className="max-w-md text-soft">{children}</div>}
    </div>
  );
}

/** Grey lines where content will be. */
export function Skeleton({ rows = 4 }: { rows?: number }) {
  return (
    <div role="status" className="flex flex-col gap-2.5 p-4">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows without content have no other key
        <div key={row} className={`h-4 animate-pulse rounded bg-hover ${row % 3 === 2 ? 'w-1/2' : 'w-full'}`} />
      ))}
    </div>
  );
}

/** Why something could not be shown, and a way on. */
export function ErrorPanel({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = problemOf(error);
  return (
    <div role="alert" className="m-4 flex flex-wrap items-start gap-3 rounded-md bg-bad-tint p-3 text-bad">
      <AlertTriangle aria-hidden size={16} className="mt-0.5 shrink-0" />
      <div className="min-w-0 flex-1">
        <p className="font-semibold">{problem.title}</p>
        <p className="break-words">{problem.detail}</p>
        {problem.request_id && <p className="mt-1 font-mono text-xs">Request {problem.request_id}</p>}
      </div>
      {retry && (
        <Button small onPress={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** A refusal or a failure inside a form. */
export function FormError({ error }: { error: unknown }) {
  if (!error) return null;
  const problem = problemOf(error);
  return (
    <div role="alert" className="rounded-md bg-bad-tint px-3 py-2 text-bad">
      {problem.detail || problem.title}
    </div>
  );
}

type Query = { isPending: boolean; isError: boolean; error: unknown; data: unknown; refetch: () => unknown };

/** The three states that each query has, in one place. */
export function Loaded<T>({
  query,
  children,
  rows,
}: {
  query: Query & { data: T | undefined };
  children: (data: T) => React.ReactNode;
  rows?: number;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) return <ErrorPanel error={query.error} retry={() => query.refetch()} />;
  return <Skeleton {...(rows ? { rows } : {})} />;
}
