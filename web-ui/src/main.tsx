import './ui/theme.css';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { problemOf } from './api/problem';
import { makeRouter } from './routes';
import { Toasts } from './ui/toast';
import { applyTheme } from './util/theme';

applyTheme();

/** Where a person is sent who is not signed in, or no more. */
const signedOut = (error: unknown) => {
  const { pathname } = router.state.location;
  if (problemOf(error).status !== 401 || !pathname.match(/^\/($|apps|me|new-app|outbox)/)) return;
  queries.clear();
  router.navigate({ to: '/sign-in', search: { to: router.state.location.href }, replace: true });
};

const queries = new QueryClient({
  queryCache: new QueryCache({ onError: signedOut }),
  mutationCache: new MutationCache({ onError: signedOut }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // A refusal stays one; what did not arrive is tried again.
      retry: (count, error) => count < 2 && (problemOf(error).status === 0 || problemOf(error).status >= 500),
    },
  },
});
const router = makeRouter(queries);

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
