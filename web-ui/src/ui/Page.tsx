import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { useEffect } from 'react';

export type Crumb = { label: string; to?: string };

type PageProps = {
  title: string;
  crumbs?: Crumb[];
  status?: React.ReactNode;
  actions?: React.ReactNode;
  note?: React.ReactNode;
  wide?: boolean;
  children: React.ReactNode;
};

/** A page of the console: where it is, what it is called, what can be done. */
export function Page({ title, crumbs = [], status, actions, note, wide, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Conman`;
  }, [title]);
  return (
    <div className={`mx-auto flex w-full flex-col gap-4 px-4 py-4 sm:px-6 ${wide ? '' : 'max-w-6xl'}`}>
      <header className="flex flex-col gap-1">
        {crumbs.length > 0 && (
          <nav aria-label="Breadcrumbs">
            <ol className="flex flex-wrap items-center gap-1 text-sm text-soft">
              {crumbs.map((crumb, index) => (
                <li key={crumb.label} className="flex items-center gap-1">
                  {crumb.to ? (
                    <Link to={crumb.to} className="rounded hover:text-text hover:underline">
                      {crumb.label}
                    </Link>
                  ) : (
                    crumb.label
                  )}
                  {index < crumbs.length - 1 && <ChevronRight aria-hidden size={12} />}
                </li>
              ))}
            </ol>
          </nav>
        )}
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
          <div className="flex min-w-0 flex-wrap items-center gap-2">
            <h1 className="text-xl break-words">{title}</h1>
            {status}
          </div>
          {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
        </div>
        {note && <div className="text-soft">{note}</div>}
      </header>
      {children}
    </div>
  );
}

/** A framed part of a page. */
export function Panel({
  title,
  aside,
  children,
}: {
  title?: string;
  aside?: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    <section className="min-w-0 rounded-lg border border-line bg-panel">
      {title && (
        <div className="flex min-h-10 flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-1.5">
          <h2 className="font-semibold">{title}</h2>
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}
