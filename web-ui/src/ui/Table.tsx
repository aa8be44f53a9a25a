type TableProps = { label: string; head: string[]; children: React.ReactNode };

/** A table that scrolls sideways by itself where the screen is narrow. */
export function Table({ label, head, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key
    <section className="relative overflow-x-auto rounded-b-lg" tabIndex={0} aria-label={label}>
      <table className="w-full border-collapse text-left [&_td]:border-t [&_td]:border-line [&_td]:px-4 [&_td]:py-2 [&_td]:align-top [&_tbody_tr:hover]:bg-hover">
        <thead className="text-sm text-soft">
          <tr>
            {head.map((column) => (
              <th key={column} scope="col" className="px-4 py-2 font-medium whitespace-nowrap">
                {column || <span className="sr-only">Actions</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

type PagerProps = { page: number; limit: number; total: number; onPage: (page: number) => void };

/** Which part of a list is shown, and the way to the others. */
export function Pager({ page, limit, total, onPage }: PagerProps) {
  const last = Math.max(1, Math.ceil(total / limit));
  if (last === 1) return null;
  const look = 'rounded px-2 py-1 hover:bg-hover disabled:opacity-40';
  return (
    <nav
      aria-label="Pages"
      className="flex items-center justify-between border-t border-line px-4 py-2 text-sm text-soft"
    >
      <span>
        {(page - 1) * limit + 1} to {Math.min(page * limit, total)} of {total}
      </span>
      <span className="flex gap-1">
        <button type="button" className={look} disabled={page <= 1} onClick={() => onPage(page - 1)}>
          Previous
        </button>
        <button type="button" className={look} disabled={page >= last} onClick={() => onPage(page + 1)}>
          Next
        </button>
      </span>
    </nav>
  );
}
