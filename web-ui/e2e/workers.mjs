// Hundreds of workers on one environment: told in a line, found by choices and keys, drawn where they are seen.
import assert from 'node:assert/strict';
import { apiOf } from './api.mjs';
import { look, person, settled } from './browser.mjs';
import { byRole, test } from './tests.mjs';

/** How many follow the environment. */
const MANY = 400;

test('hundreds of workers are told in a line, found by name, state and version, and walked through by keys', async ({
  browser,
  demo,
}) => {
  const app = `/apps/${demo.app_id}`;
  const environment = demo.environments.training ?? demo.environments.dev;
  const admin = apiOf(demo, demo.accounts.app_admin);
  const { secret } = await admin('POST', `${app}/service-tokens`, { name: 'many', environment_id: environment });
  const config = await admin('GET', `${app}/environments/${environment}/config`);
  const { release_tag, release_commit, tree_id, profile_revision, config_version } = config;
  const now = new Date().toISOString();
  const report = async (name, own) => {
    const answer = await fetch(`${demo.url}/v1/worker/report`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        session_id: crypto.randomUUID(),
        name,
        library: 'test/1',
        started_at: now,
        applied: { release_tag, release_commit, tree_id, profile_revision, config_version, applied_at: now },
        last_notify_at: null,
        heartbeat_at: now,
        problem: null,
        stopped: false,
        ...own,
      }),
    });
    assert.ok(answer.ok, await answer.clone().text());
  };
  const reason = 'the low limit is above the high one';
  await report('pump-7', { refused: { version: config_version, reason, at: now } });
  await report('gate-1', { applied: null });
  await report('gate-2', { restart_required: ['analyzer_port'] });
  for (let at = 0; at < MANY; at += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, one) => report(`bench-${at + one}`, {})));
  }
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.reviewer);
  const wrong = [];
  await page.goto(`${app}/environments/${environment}`);
  await settled(page);
  const panel = page.locator('section').filter({ has: byRole(page, 'heading', 'Workers', { exact: true }) });
  const rows = panel.locator('[data-worker]');
  const line = panel.getByRole('status');
  await line.filter({ hasText: '1 refusing' }).waitFor();
  await line.filter({ hasText: '1 to be restarted' }).waitFor();
  await rows.filter({ hasText: `Refuses version ${config_version}: ${reason}` }).waitFor();
  // What asks for attention stands first, and no more is drawn than is near to what is seen.
  assert.match(await rows.first().innerText(), /^pump-7/);
  assert.ok((await rows.count()) < 120, `${await rows.count()} rows are drawn`);
  await look(page, 'workers-many', wrong);

  // Keys: down from the search, on from one to the next, and to both ends.
  const find = panel.getByLabel('Find a worker by its name');
  await find.focus();
  await page.keyboard.press('ArrowDown');
  const focused = (text) => page.waitForFunction((part) => document.activeElement?.textContent?.startsWith(part), text);
  await focused('pump-7');
  await page.keyboard.press('j');
  await focused('gate-1');
  await page.keyboard.press('End');
  await focused(`bench-${MANY - 1}`);
  await page.keyboard.press('ArrowUp');
  await focused(`bench-${MANY - 2}`);
  assert.ok((await rows.count()) < 120, `${await rows.count()} rows are drawn`);
  await page.keyboard.press('Home');
  await focused('pump-7');

  // By name, by state, by what they run; the address keeps it, and nothing found leads out.
  await find.fill('bench-39');
  await line.filter({ hasText: '11 of ' }).waitFor();
  await byRole(panel, 'button', /^Refused/).click();
  await panel.getByText('No worker is like that.').waitFor();
  await look(page, 'workers-none', wrong);
  await byRole(panel, 'button', /^Show all/).click();
  await panel.getByLabel('Version that they run').selectOption('0');
  await line.filter({ hasText: '1 of ' }).waitFor();
  await panel.getByLabel('Order').selectOption('lag');
  await page.reload();
  await settled(page);
  await line.filter({ hasText: '1 of ' }).waitFor();
  assert.match(await rows.first().innerText(), /^gate-1[\s\S]*Nothing applied yet[\s\S]*behind/);
  await byRole(panel, 'button', /^Behind/).click();
  await look(page, 'workers-behind', wrong);
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});
