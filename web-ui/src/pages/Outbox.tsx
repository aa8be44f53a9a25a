import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Mail } from 'lucide-react';
import { listOutboxOptions } from '../api/gen/@tanstack/react-query.gen';
import { Page, Panel } from '../ui/Page';
import { Status } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager } from '../ui/Table';
import { Time } from '../ui/Time';
import { live } from '../util/act';
import { useFilters } from '../util/where';

/** Every mail of the server; where none is sent, people read theirs here. */
export function Outbox() {
  const [search, change] = useFilters();
  const mails = useQuery({ ...listOutboxOptions({ query: { page: search.page ?? 1, limit: 50 } }), ...live });
  return (
    <Page title="Outbox" note="Every mail of this server, newest first.">
      <Panel>
        <Loaded query={mails} rows={10}>
          {({ data, page, limit, total }) =>
            data.length === 0 ? (
              <Empty icon={Mail} title="No mail yet" />
            ) : (
              <>
                <ul>
                  {data.map((mail) => (
                    <li key={mail.id} className="border-t border-line px-4 py-2 first:border-t-0">
                      <details>
                        <summary className="flex cursor-pointer flex-wrap items-center gap-3 rounded">
                          <span className="min-w-48 flex-1">
                            <span className="font-medium break-words">{mail.subject}</span>
                            <span className="block text-sm break-all text-soft">
                              {mail.to}, <Time at={mail.created_at} />
                            </span>
                          </span>
                          <Status state={mail.state} />
                        </summary>
                        <p className="mt-1.5 break-words whitespace-pre-wrap">{mail.text}</p>
                        {mail.link && (
                          <Link to={mail.link} className="text-accent hover:underline">
                            Open what it is about
                          </Link>
                        )}
                        <p className="font-mono text-xs text-soft">{mail.event}</p>
                      </details>
                    </li>
                  ))}
                </ul>
                <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
              </>
            )
          }
        </Loaded>
      </Panel>
    </Page>
  );
}
