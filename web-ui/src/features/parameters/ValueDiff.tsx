import { ArrowRight } from 'lucide-react';
import { Badge } from '../../ui/Status';
import { textOf, type Value } from './edits';

const Shown = ({ value, look }: { value: Value | undefined; look: string }) => (
  <code className={`rounded px-1 font-mono text-sm break-all whitespace-pre-wrap ${look}`}>
    {value === undefined || value === null ? 'none' : value === '' ? '""' : textOf(value)}
  </code>
);

/** A value before and after. */
export const Arrow = ({ before, after }: { before: Value | undefined; after: Value | undefined }) => (
  <>
    <Shown value={before} look="bg-removed" />
    <ArrowRight aria-hidden size={12} className="text-soft" />
    <span className="sr-only">becomes</span>
    <Shown value={after} look="bg-added" />
  </>
);

type Row = { name: string; before: Value | undefined; after: Value | undefined; seen?: Value; note?: string };

/** Values before and after, one below the other. */
export function ValueDiff({ rows }: { rows: Row[] }) {
  return (
    <ul className="rounded-md border border-line">
      {rows.map((row) => (
        <li
          key={row.name}
          className="grid gap-x-3 gap-y-0.5 border-t border-line px-3 py-1.5 first:border-t-0 sm:grid-cols-[minmax(10rem,2fr)_3fr]"
        >
          <span className="font-medium break-all">
            {row.name} {row.note && <Badge tone="warn">{row.note}</Badge>}
          </span>
          <span className="flex min-w-0 flex-wrap items-center gap-1.5">
            <Arrow before={row.before} after={row.after} />
            {row.seen !== undefined && (
              <span className="w-full text-sm text-warn">
                Somebody changed it meanwhile: you had seen <Shown value={row.seen} look="bg-warn-tint" />
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
