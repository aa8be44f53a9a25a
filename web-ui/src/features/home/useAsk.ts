import { useQuery } from '@tanstack/react-query';
import { listWaitingOptions } from '../../api/gen/@tanstack/react-query.gen';
import { live } from '../../util/act';
import { ASKS } from './asks';

/** What one waits for from the person who looks, by the id of what waits; nothing, most of the time. */
export function useAsk(): (id: string) => string | undefined {
  const waiting = useQuery({ ...listWaitingOptions({ query: { limit: 200 } }), ...live });
  const asks = new Map((waiting.data?.data ?? []).map((row) => [row.subject_id, ASKS[row.kind].words]));
  return (id) => asks.get(id);
}
