import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from '../ui/toast';

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
      await queries.invalidateQueries();
    },
    onError: (error) => {
      if (!options.quiet) toast.refused(error);
      queries.invalidateQueries();
    },
  });
}

/** For what other people change while one looks at it. */
export const live = { refetchInterval: 5_000 };
