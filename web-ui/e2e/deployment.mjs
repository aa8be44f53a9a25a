// A deployment that has ended: what it changed, what happened, and which workers run it.
import assert from 'node:assert/strict';
import { apiOf, published, until } from './api.mjs';
import { look, person, settled, startDemo, startWorker } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('a deployment that has ended tells what it changed, what happened and which workers run it', async ({
  browser,
}) => {
  const demo = await startDemo();
  const worker = startWorker(demo, 'dev', 'analyzer-gateway');
  try {
    const app = `/apps/${demo.app_id}`;
    const { dev } = demo.environments;
    const [manager, admin] = ['config_manager', 'app_admin'].map((role) => apiOf(demo, demo.accounts[role]));
    await worker.next();
    const release = await published(demo, 'Say where the first aid box is', { 'docs/first-aid.md': 'By the door.\n' });
    // Values of the profile come with the next deployment; one of them is critical, and one is a secret.
    const [stage] = (await admin('GET', `${app}/environments`)).data;
    const at = `${demo.url}/api${app}/runtime-profiles/${stage.profile_id}`;
    const headers = { authorization: `Bearer ${demo.accounts.app_admin.token}`, 'content-type': 'application/json' };
    const read = await fetch(at, { headers });
    const { env_vars } = await read.json();
    const edited = await fetch(at, {
      method: 'PATCH',
      headers: { ...headers, 'if-match': read.headers.get('etag') },
      body: JSON.stringify({
        env_vars: { ...env_vars, sms_daily_limit: 77, critical_potassium_high: 6.6 },
        secrets: { LIS_PASSWORD: 'opens-the-archive' },
        reason: 'For the new analyzer.',
      }),
    });
    assert.ok(edited.ok, await edited.clone().text());
    const asked = await manager('POST', `${app}/environments/${dev}/deploy`, { release_id: release.id });
    const deployment = `${app}/deployments/${asked.id}`;
    await until(async () => (await manager('GET', deployment)).state === 'succeeded');
    await worker.next();

    const { page, broken, context } = await person(browser, demo.url, demo.accounts.reviewer);
    const wrong = [];
    await page.goto(deployment);
    await settled(page);
    await page.getByText(/^Version 2 took the place of version 1, of r/).waitFor();
    const value = (name) => page.getByRole('listitem').filter({ hasText: name });
    await value('sms_daily_limit').getByText('77').waitFor();
    await value('critical_potassium_high').getByText('critical', { exact: true }).waitFor();
    await value('LIS_PASSWORD').getByText('secret', { exact: true }).waitFor();
    assert.equal(await page.getByText('opens-the-archive').count(), 0);
    await page.getByText('1 added, 0 changed, 0 removed').waitFor();
    await look(page, 'deployment-changed', wrong);
    await byRole(page, 'button', 'Line by line').click();
    await page.getByText('By the door.').waitFor();
    await look(page, 'deployment-lines', wrong);
    await byRole(page, 'tab', 'Log').click();
    await page.getByText('Asked for, by Mei Tanaka').waitFor();
    await page.getByText('Active: workers can have it').waitFor();
    await page.getByText(`Writing ${release.tag} to dev as version 2`).waitFor();
    await look(page, 'deployment-log', wrong);
    await page.reload();
    await settled(page);
    await byRole(page, 'tab', 'Log', { selected: true }).waitFor();
    await byRole(page, 'link', 'In the audit log').click();
    await byRole(page, 'row', /Deployment succeeded/).waitFor();
    await byRole(page, 'list', 'Chosen filters').getByText(`About ${release.tag} on dev`).waitFor();
    await page.goBack();
    await byRole(page, 'link', 'The whole job').click();
    await byRole(page, 'heading', 'Deployment', { exact: true }).waitFor();
    await page.goto(`${deployment}?tab=workers`);
    await page.getByText('analyzer-gateway').waitFor();
    await page.getByText('1 up to date').waitFor();
    await look(page, 'deployment-workers', wrong);

    // One that was refused changed nothing, and says why.
    const next = await published(demo, 'And where the exit is', { 'docs/exit.md': 'Left.\n' });
    const again = await manager('POST', `${app}/environments/${demo.environments.prod}/deploy`, {
      release_id: next.id,
    });
    await manager('POST', `${app}/deployments/${again.id}/cancel`, {});
    await page.goto(`${app}/deployments/${again.id}`);
    await page.getByText('It changed nothing').waitFor();
    await look(page, 'deployment-canceled', wrong);
    await byRole(page, 'tab', 'Log').click();
    await page.getByText('Canceled, by Mei Tanaka').waitFor();
    assert.deepEqual(wrong, []);
    assert.deepEqual(broken, []);
    await context.close();
  } finally {
    await worker.stop();
    await demo.stop();
  }
});
