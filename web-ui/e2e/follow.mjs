// The stream of an app: what others change is seen at once, nothing is asked for in vain, and a lost connection heals.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, settled, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('what others change is seen without asking, and a lost connection is told and healed', async ({
  browser,
  demo,
}) => {
  const app = `/apps/${demo.app_id}`;
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.reviewer);
  const environment = `${app}/environments/${demo.environments.dev}`;
  const save = async (value) => {
    const headers = {
      authorization: `Bearer ${demo.accounts.config_manager.token}`,
      'content-type': 'application/json',
    };
    const config = await (await fetch(`${demo.url}/api${environment}/config`, { headers })).json();
    const answer = await fetch(`${demo.url}/api${environment}/config/save`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ base_version: config.config_version, values: { sms_daily_limit: value } }),
    });
    assert.ok(answer.ok, await answer.clone().text());
  };
  await page.clock.install();
  const streamed = page.waitForResponse((response) => response.url().endsWith('/stream'));
  await page.goto(`${environment}/parameters?q=sms_daily`);
  await settled(page);
  assert.equal((await streamed).status(), 200);
  const field = page.locator('#value-sms_daily_limit');
  await field.waitFor();
  // The stream begins with reading everything once more; then half an hour passes without a request.
  await page.waitForLoadState('networkidle');
  const asked = [];
  const note = (request) => request.url().includes('/api/') && asked.push(request.url());
  page.on('request', note);
  await page.clock.fastForward(1_800_000);
  assert.deepEqual(asked, []);
  await save(41);
  await page.waitForFunction(() => document.querySelector('#value-sms_daily_limit')?.value === '41');
  page.off('request', note);

  // Without a connection: told, and the change that was missed is there once it is back.
  await page.route('**/api/**', (route) => route.abort('connectionfailed'));
  await context.setOffline(true);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.clock.runFor(5_000);
  await page.getByText('Connection lost.').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'connection-lost.png') });
  await save(42);
  await page.unroute('**/api/**');
  await context.setOffline(false);
  await page.clock.runFor(10_000);
  await page.waitForFunction(() => document.querySelector('#value-sms_daily_limit')?.value === '42');
  await page.getByText('Connection lost.').waitFor({ state: 'detached' });
  await byRole(page, 'heading', 'Parameters of dev').waitFor();
  assert.deepEqual(broken, []);
  await context.close();
});

test('FLOW-CONFIG-007: what workers report is seen as they report it', async ({ browser, demo }) => {
  const environment = demo.environments.staging;
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  await page.goto(`/apps/${demo.app_id}/environments/${environment}`);
  await page.getByText('None follows this environment.').waitFor();
  const send = async (path, token, body) => {
    const answer = await fetch(`${demo.url}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    assert.ok(answer.ok, `${path}: ${await answer.clone().text()}`);
    return answer.status === 204 ? undefined : answer.json();
  };
  const app = `/api/apps/${demo.app_id}`;
  const { secret } = await send(`${app}/service-tokens`, demo.accounts.app_admin.token, {
    name: 'worker',
    environment_id: environment,
  });
  const config = await send(`${app}/environments/${environment}/config`, demo.accounts.app_admin.token);
  const { release_tag, release_commit, tree_id, profile_revision, config_version } = config;
  const now = new Date().toISOString();
  const report = (name, own) =>
    send('/v1/worker/report', secret, {
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
    });
  await report('analyzer-1', {});
  await report('analyzer-2', { pending: [{ name: 'qc_westgard_profile', boundary: 'decision_cycle_end' }] });
  await report('analyzer-3', {
    refused: { version: config_version, reason: 'the low limit is above the high one', at: now },
  });
  await byRole(page, 'heading', 'Up to date').waitFor();
  await page.getByText('qc_westgard_profile waits for the end of a decision cycle').waitFor();
  await page.getByText(`Refuses version ${config_version}: the low limit is above the high one`).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'workers.png') });
  assert.deepEqual(broken, []);
  await context.close();
});
