import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import type { Search } from '../routes';

type Ids =
  | 'appId'
  | 'hash'
  | 'changesetId'
  | 'releaseId'
  | 'envId'
  | 'deploymentId'
  | 'draftId'
  | 'profileId'
  | 'workspaceId'
  | 'jobId'
  | 'token';

/** An id in the address of the page. */
export function useIdOf(name: Ids): string {
  const params = useParams({ strict: false }) as Partial<Record<Ids, string>>;
  return params[name] ?? '';
}

/** What the address carries behind the question mark, and how to change a part of it. */
export function useFilters(): [Search, (change: Partial<Search>, push?: boolean) => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const change = (part: Partial<Search>, push = false) => {
    const merged = Object.fromEntries(
      Object.entries({ ...search, ...part }).filter(([, value]) => value !== undefined && value !== ''),
    );
    navigate({ to: '.', search: merged, replace: !push, resetScroll: false } as never);
  };
  return [search, change];
}
