// The past of an environment's values: looked at, compared, and brought back.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('FLOW-CONFIG-003: an earlier version is found by its instant and restored; with a critical value it becomes a draft', async ({
  browser,
  demo,
}) => {
  const environment = `/apps/${demo.app_id}/environments/${demo.environments.prod}`;
  const call = async (path, body) => {
    const answer = await fetch(`${demo.url}/api${environment}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${demo.accounts.config_manager.token}`,
        'content-type': 'application/json',
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    assert.ok(answer.ok, await answer.clone().text());
    return answer.json();
  };
  const before = (await call('/then')).version;
  const values = (await call('/config')).parameters;
  const positions = values.worklist_max_positions.value;
  const save = async (value) =>
    call('/config/save', {
      base_version: (await call('/config')).config_version,
      values: { worklist_max_positions: value },
      reason: 'A trial',
    });
  await save(positions + 1);

  const { page, broken, context } = await person(browser, demo.url, demo.accounts.config_manager);
  await page.goto(`${environment}/parameters?tab=then&at=${before.at}`);
  await page.getByText(`Version ${before.config_version}`, { exact: true }).waitFor();
  await byRole(page, 'row', /worklist_max_positions/).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'parameters-then.png') });
  await byRole(page, 'button', 'Restore these values').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('worklist_max_positions').waitFor();
  await dialog.getByLabel('Reason').fill('The trial is over');
  // Somebody is faster: the preview is computed anew, and the reason stays.
  await save(positions + 2);
  await dialog.getByText(`Version ${before.config_version + 2} runs by now`).waitFor();
  await dialog.getByText(String(positions + 2), { exact: true }).waitFor();
  assert.equal(await dialog.getByLabel('Reason').inputValue(), 'The trial is over');
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'restore.png') });
  await byRole(dialog, 'button', 'Restore', { exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await call('/config')).parameters.worklist_max_positions.value, positions);

  // The history of one value, and what it is called in the history of all.
  await page.goto(`${environment}/parameters?q=worklist_max`);
  await byRole(page, 'button', 'History of worklist_max_positions').click();
  await byRole(page, 'dialog', 'History of worklist_max_positions').getByText('The trial is over').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'value-history.png') });
  await page.keyboard.press('Escape');

  // A critical value among them makes it a draft.
  const trial = await call('/drafts', {
    base_version: (await call('/config')).config_version,
    values: { critical_potassium_high: 6.3 },
    reason: 'Another reagent',
  });
  const admin = await person(browser, demo.url, demo.accounts.app_admin);
  await admin.page.goto(`${environment}/drafts/${trial.id}`);
  await byRole(admin.page, 'button', 'Approve').click();
  await admin.page.getByText('Active', { exact: true }).waitFor();
  await page.goto(`${environment}/parameters?tab=history`);
  await byRole(page, 'button', `Restore version ${before.config_version}`, { exact: true }).click();
  await dialog.getByText('Critical parameters differ').waitFor();
  await dialog.getByLabel('Reason').fill('The old reagent is back');
  await page.screenshot({ path: join(SHOTS, 'restore-critical.png') });
  await byRole(dialog, 'button', 'Submit for approval').click();
  await byRole(page, 'heading', 'Parameter draft').waitFor();
  for (const one of [{ broken, context }, admin]) {
    assert.deepEqual(one.broken, []);
    await one.context.close();
  }
});
