import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { FileClock, Filter } from 'lucide-react';
import { listAuditEventsOptions } from '../api/gen/@tanstack/react-query.gen';
import type { AuditEvent } from '../api/gen/types.gen';
import { Filters } from '../features/audit/Filters';
import { actionName } from '../features/audit/kinds';
import { asked, EVERYTHING } from '../features/audit/search';
import { told } from '../features/audit/told';
import { About } from '../features/jobs/About';
import type { Search } from '../routes';
import { Button } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Empty, Loaded } from '../ui/states';
import { Pager, Table } from '../ui/Table';
import { Time } from '../ui/Time';
import { useFilters, useIdOf } from '../util/where';

export function Audit() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const query = asked(appId, search);
  const events = useQuery({ ...listAuditEventsOptions({ query }), placeholderData: keepPreviousData });
  const only = (part: Partial<Search>) => change({ ...part, page: undefined }, true);
  // The app and its page are no search.
  const isSearch = Object.keys(query).length > 3;
  return (
    <Page title="Audit" note="Every step, by whom, from where, and what it changed.">
      <Panel
        title="Newest first"
        aside={
          events.data && (
            <span role="status" className="text-sm text-soft tabular-nums">
              {events.data.total.toLocaleString('en')} {events.data.total === 1 ? 'event' : 'events'}
            </span>
          )
        }
      >
        <Filters app={appId} search={search} change={change} shown={events.data?.data ?? []} />
        <Loaded query={events} rows={10}>
          {({ data, page, limit, total }) =>
            data.length === 0 ? (
              <Nothing isSearch={isSearch} isBeyond={total > 0} change={change} />
            ) : (
              <>
                <Table label="Events" head={['When', 'Who', 'What', 'About', 'Details', 'From']}>
                  {data.map((event) => (
                    <Row key={event.id} app={appId} event={event} only={only} />
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

type NothingProps = { isSearch: boolean; isBeyond: boolean; change: (part: Partial<Search>) => void };

/** Says why there is nothing, and leads out. */
function Nothing({ isSearch, isBeyond, change }: NothingProps) {
  if (isBeyond) {
    return (
      <Empty icon={FileClock} title="There are fewer pages than that">
        <Button onPress={() => change({ page: undefined })}>Show the newest events</Button>
      </Empty>
    );
  }
  if (!isSearch) return <Empty icon={FileClock} title="Nothing has happened yet" />;
  return (
    <Empty icon={FileClock} title="No event matches all of these filters">
      <p className="mb-2">Remove one of them above, or look at everything.</p>
      <Button onPress={() => change(EVERYTHING)}>Show all events</Button>
    </Empty>
  );
}

const narrow = 'rounded text-left hover:underline';

/** Who did an event, as the log is searched for them. */
const byOf = ({ actor_id, actor }: AuditEvent) =>
  actor_id ?? (actor === 'system' || actor === 'anonymous' ? actor : 'programs');

type RowProps = { app: string; event: AuditEvent; only: (part: Partial<Search>) => void };

/** An event; who, what and about what narrow the log down to that. */
function Row({ app, event, only }: RowProps) {
  const what = actionName(event.action);
  return (
    <tr>
      <td className="text-soft">
        <Time at={event.happened_at} />
      </td>
      <td className="whitespace-nowrap">
        <button
          type="button"
          title={`Only what ${event.actor} did`}
          onClick={() => only({ by: byOf(event) })}
          className={narrow}
        >
          {event.actor}
        </button>
      </td>
      <td className="whitespace-nowrap">
        <button
          type="button"
          title={`Only: ${what}`}
          onClick={() => only({ action: event.action, type: undefined })}
          className={narrow}
        >
          {what}
        </button>
      </td>
      <td className="max-w-72">
        <span className="flex items-start gap-1">
          <span className="min-w-0">
            <About app={app} thing={event.about} />
          </span>
          {event.about && (
            <button
              type="button"
              aria-label={`Only events about ${event.about.name}`}
              title={`Only events about ${event.about.name}`}
              onClick={() => only({ q: event.entity_id, type: undefined })}
              className="inline-flex size-6 shrink-0 items-center justify-center rounded text-soft hover:bg-hover hover:text-text"
            >
              <Filter aria-hidden size={12} />
            </button>
          )}
        </span>
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
  );
}
