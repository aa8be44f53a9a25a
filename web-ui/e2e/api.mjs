// What a test prepares or reads through the API, as somebody who has a token.
import assert from 'node:assert/strict';
import { PATIENCE } from './browser.mjs';

/** Calls the API as an account: `await api('POST', '/apps', {…})`. */
export const apiOf = (demo, account) => async (method, path, body) => {
  const answer = await fetch(`${demo.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  assert.ok(answer.ok, `${method} ${path}: ${await answer.clone().text()}`);
  return answer.status === 204 ? undefined : answer.json();
};

/** Asks until it is so, for as long as anything may take; a pause in between is no wait for a time, only manners. */
export async function until(isSo) {
  const latest = Date.now() + PATIENCE;
  while (!(await isSo())) {
    if (Date.now() > latest) throw new Error(`it did not come about: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Has a changeset with new files (`{ path: text }`) approved; gives its address. */
export async function approved(demo, title, files) {
  const [author, reviewer] = ['user', 'reviewer'].map((role) => apiOf(demo, demo.accounts[role]));
  const app = `/apps/${demo.app_id}`;
  const workspace = await author('POST', `${app}/workspaces`, { name: title });
  // The workspace begins with what users face; what was published since comes in first.
  await author('POST', `${app}/workspaces/${workspace.id}/sync-integration`, { mode: 'merge' });
  const edits = Object.entries(files).map(([path, text]) => ({ op: 'put', path, text, expected_blob: null }));
  await author('PUT', `${app}/workspaces/${workspace.id}/files`, { edits });
  const { id } = await author('POST', `${app}/changesets`, { workspace_id: workspace.id, title });
  await author('POST', `${app}/changesets/${id}/submit`, {});
  const at = `${app}/changesets/${id}`;
  await until(async () => (await author('GET', at)).state === 'in_review');
  await reviewer('POST', `${at}/review`, { revision: 1, verdict: 'approve', comment: '' });
  return at;
}

/** Has a release of new files published; gives it. */
export async function published(demo, title, files) {
  const manager = apiOf(demo, demo.accounts.config_manager);
  const at = await approved(demo, title, files);
  await manager('POST', `${at}/queue`, {});
  const releases = `/apps/${demo.app_id}/releases`;
  const { id } = await manager('POST', releases, { changeset_ids: [at.split('/').at(-1)] });
  const release = () => manager('GET', `${releases}/${id}`);
  await manager('POST', `${releases}/${id}/assemble`, {});
  await until(async () => (await release()).state === 'validated');
  await manager('POST', `${releases}/${id}/publish`, {});
  await until(async () => (await release()).state === 'published');
  return release();
}
