// Parameter sets and the runs that they pin.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('FLOW-CONFIG-006: parameters are frozen twice and compared, and a run ends and is run again', async ({
  browser,
  demo,
}) => {
  const app = `/apps/${demo.app_id}`;
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.user);
  const freeze = async (factors) => {
    await page.goto(`${app}/runs`);
    await byRole(page, 'button', 'Freeze parameters').click();
    const dialog = byRole(page, 'dialog', 'Freeze parameters');
    await dialog.getByLabel('Version of the program').fill('v1.4.0');
    await dialog.getByLabel('Factors').fill(factors);
    return dialog;
  };
  // A factor that the catalog refuses is told at its field; nothing that was typed is lost.
  const refused = await freeze('{"worklist_max_positions": -1}');
  await byRole(refused, 'button', 'Freeze').click();
  await refused.locator('textarea[aria-invalid=true]').waitFor();
  assert.equal(await refused.getByLabel('Version of the program').inputValue(), 'v1.4.0');
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'runs-freeze.png') });
  for (const factors of ['', '{"worklist_max_positions": 20, "seed": 7}']) {
    await byRole(await freeze(factors), 'button', 'Freeze').click();
    await byRole(page, 'heading', /^Parameter set /).waitFor();
  }
  await byRole(page, 'row', /seed/).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'parameter-set.png') });
  await byRole(page, 'button', 'Register a run').click();
  const register = page.getByRole('dialog');
  await register.getByLabel('Kind').fill('A Kind');
  await byRole(register, 'button', 'Register').click();
  await register.locator('input[aria-invalid=true]').waitFor();
  await register.getByLabel('Kind').fill('backtest');
  await register.getByLabel('What it is for').fill('Longer worklists');
  await byRole(register, 'button', 'Register').click();
  const row = byRole(page, 'row', /Longer worklists/);
  await byRole(row, 'button', 'End').click();
  const end = page.getByRole('dialog');
  await end.getByLabel('Note').fill('As expected');
  await end.getByLabel('Results').fill('{"minutes": 12}');
  await byRole(end, 'button', 'Save').click();
  await row.getByText('Succeeded').waitFor();
  await byRole(row, 'button', 'Run again').click();
  await page.getByText(', again').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'runs.png') });
  await byRole(page, 'tab', 'Parameter sets').click();
  for (const at of [0, 1]) await page.getByRole('checkbox').nth(at).check();
  await byRole(page, 'button', 'Compare two').click();
  await page.getByText('They differ').waitFor();
  await page.getByText('seed').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'runs-compare.png') });
  assert.deepEqual(broken, []);
  await context.close();
});
