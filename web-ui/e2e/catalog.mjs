// The catalog: what parameters are, and the two forms that change them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('FLOW-CONFIG-004 and 005: a parameter is widened and another one added by forms, each as a changeset', async ({
  browser,
  demo,
}) => {
  const app = `/apps/${demo.app_id}`;
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.user);
  await page.goto(`${app}/catalog?q=worklist_max`);
  await byRole(page, 'button', 'Widen worklist_max_positions').click();
  const widen = page.getByRole('dialog');
  await widen.getByLabel('At most').fill('many');
  await widen.getByText('Type a whole number').waitFor();
  // What would not widen it is refused at its field.
  await widen.getByLabel('At most').fill('2');
  await byRole(widen, 'button', 'Submit as a changeset').click();
  await widen.locator('input[aria-invalid=true]').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'catalog-widen.png') });
  await widen.getByLabel('At most').fill('5000');
  await widen.getByLabel('Why').fill('A larger analyzer');
  await byRole(widen, 'button', 'Submit as a changeset').click();
  await page.waitForURL(/\/changesets\//);
  await page.getByText('A larger analyzer').waitFor();

  await page.goto(`${app}/catalog`);
  await byRole(page, 'button', 'Add a parameter').click();
  const add = byRole(page, 'dialog', 'Add a parameter');
  await add.getByLabel('Name').fill('courier_radius');
  await add.getByLabel('Type').selectOption('int');
  await add.getByLabel('Default').fill('50');
  await add.getByLabel('At least').fill('1');
  await add.getByLabel('At most').fill('10');
  await add.getByLabel('Group').fill('Logistics');
  // The default lies beyond its own bounds: nothing is made, and nothing of what was typed is lost.
  await byRole(add, 'button', 'Submit as a changeset').click();
  await add.getByText('its default is refused: must be at most 10').waitFor();
  assert.equal(await add.getByLabel('Default').getAttribute('aria-invalid'), 'true');
  assert.equal(await add.getByRole('alert').count(), 0);
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'catalog-add.png') });
  await add.getByLabel('Default').fill('5');
  await byRole(add, 'button', 'Submit as a changeset').click();
  await page.waitForURL(/\/changesets\//);
  await byRole(page, 'tab', /^Files/).click();
  await page.getByText('courier_radius').first().waitFor();

  // The form of the values knows defaults, bounds and groups.
  await page.goto(`${app}/environments/${demo.environments.dev}/parameters`);
  await page.getByText('Critical', { exact: true }).first().waitFor();
  await page
    .getByText(/from \d+ to \d+/)
    .first()
    .waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'parameters-catalog.png') });
  assert.deepEqual(broken, []);
  await context.close();
});
