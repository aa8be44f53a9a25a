import { useQuery } from '@tanstack/react-query';
import { FileClock } from 'lucide-react';
import { listAuditEventsOptions } from '../api/gen/@tanstack/react-query.gen';
import { told } from '../features/audit/told';
import { About } from '../features/jobs/About';
import { inputLook } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager, Table } from '../ui/Table';
import { Time } from '../ui/Time';
import { useFilters, useIdOf } from '../util/where';

export function Audit() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const events = useQuery(
    listAuditEventsOptions({
      query: {
        app: appId,
        page: search.page ?? 1,
        limit: 50,
        ...(search.action ? { action: search.action } : {}),
        ...(search.q ? { entity: search.q } : {}),
      },
    }),
  );
  const filter = (label: string, key: 'action' | 'q', hint: string) => (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const text = new FormData(event.currentTarget).get('text');
        change({ [key]: String(text ?? '').trim(), page: undefined });
      }}
    >
      <input
        key={search[key]}
        name="text"
        type="search"
        aria-label={label}
        placeholder={hint}
        defaultValue={search[key] ?? ''}
        className={`${inputLook} w-52`}
        onBlur={(event) => event.currentTarget.form?.requestSubmit()}
      />
    </form>
  );
  return (
    <Page title="Audit" note="Every step, by whom, from where, and what it changed.">
      <Panel
        title="Newest first"
        aside={
          <span className="flex flex-wrap gap-2">
            {filter('Action', 'action', 'Action: release.published')}
            {filter('Entity', 'q', 'Entity: release')}
          </span>
        }
      >
        <Loaded query={events} rows={10}>
          {({ data, page, limit, total }) =>
            data.length === 0 ? (
              <Empty icon={FileClock} title="No such events" />
            ) : (
              <>
                <Table label="Events" head={['When', 'Who', 'What', 'About', 'Details', 'From']}>
                  {data.map((event) => (
                    <tr key={event.id}>
                      <td className="text-soft">
                        <Time at={event.happened_at} />
                      </td>
                      <td className="whitespace-nowrap">{event.actor}</td>
                      <td className="whitespace-nowrap" title={event.action}>
                        {words(event.action.replace('.', ' '))}
                      </td>
                      <td className="max-w-72">
                        <About app={appId} thing={event.about} />
                      </td>
                      <td className="max-w-md">
                        <details>
                          <summary className="w-fit cursor-pointer rounded text-soft">
                            {told(event.after) || told(event.before) || 'Details'}
                          </summary>
                          <pre className="mt-1 rounded bg-sunken p-2 font-mono text-xs break-all whitespace-pre-wrap">
                            {JSON.stringify(
                              {
                                action: event.action,
                                [event.entity]: event.entity_id,
                                before: event.before,
                                after: event.after,
                                request: event.request_id,
                              },
                              null,
                              2,
                            )}
                          </pre>
                        </details>
                      </td>
                      <td className="text-sm text-soft">{event.address}</td>
                    </tr>
                  ))}
                </Table>
                <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
              </>
            )
          }
        </Loaded>
      </Panel>
    </Page>
  );
}
