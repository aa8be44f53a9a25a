// What admins keep in order: the app's settings, and the mails of the server.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, goesTo, test } from './tests.mjs';

test('settings are saved, and mails are read', async ({ browser, demo }) => {
  const app = `/apps/${demo.app_id}`;
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  // A wrong setting is refused at its field; what somebody else saved meanwhile is not overwritten unseen.
  const other = await person(browser, demo.url, demo.accounts.app_admin);
  for (const one of [page, other.page]) {
    await one.goto(`${app}/settings`);
    await one.getByLabel('Blocked paths').waitFor();
  }
  await page.getByLabel('Largest file').fill('0');
  await byRole(page, 'button', 'Save').click();
  await page.locator('input[aria-invalid=true]').waitFor();
  await page.screenshot({ path: join(SHOTS, 'settings-refused.png') });
  await page.getByLabel('Largest file').fill('5242880');
  await other.page.getByLabel('Blocked paths').fill('.git/**\n.gitignore\n.github/**\nsecrets/**');
  await byRole(other.page, 'button', 'Save').click();
  await other.page.getByText('Settings saved').waitFor();
  await page.getByLabel('Name').fill('Clinical Laboratory');
  await byRole(page, 'button', 'Save').click();
  await page.getByText('Somebody changed the settings meanwhile').waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'Clinical Laboratory');
  await page.getByLabel('Name').fill('Clinical Lab');
  await byRole(page, 'button', 'Save').click();
  await page.getByText('Settings saved').waitFor();

  const operator = await person(browser, demo.url, demo.operator);
  await goesTo(operator.page, 'Outbox');
  await operator.page
    .getByText(/^Deployed: /)
    .first()
    .click();
  await byRole(operator.page, 'link', 'Open what it is about').first().waitFor();
  assert.deepEqual(await violations(operator.page), []);
  await operator.page.screenshot({ path: join(SHOTS, 'outbox.png') });
  for (const one of [{ broken, context }, other, operator]) {
    assert.deepEqual(one.broken, []);
    await one.context.close();
  }
});
