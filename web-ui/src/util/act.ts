import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from '../ui/toast';
import { isFollowing, refresh } from './follow';

type Options<R> = { done?: string | ((result: R) => string); onDone?: (result: R) => void; quiet?: boolean };

/**
 * Something that a person does: afterwards everything shown is read again, and a refusal is told with its reason.
 * `quiet` leaves the telling to the form.
 */
export function useAct<V = void, R = unknown>(act: (value: V) => Promise<R>, options: Options<R> = {}) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: async (result) => {
      if (options.done) toast.done(typeof options.done === 'string' ? options.done : options.done(result));
      options.onDone?.(result);
      await refresh(queries);
    },
    onError: (error) => {
      if (!options.quiet) toast.refused(error);
      refresh(queries);
    },
  });
}

/** For what other people change while one looks at it: the stream tells of it, and without one it is asked for. */
export const live = { refetchInterval: () => (isFollowing() ? false : 5_000) } as const;
