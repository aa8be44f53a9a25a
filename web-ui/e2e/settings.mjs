// What admins keep in order: runtime profiles, the app's settings, and the mails of the server.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, goesTo, test } from './tests.mjs';

test('a profile is edited and reverted, settings are saved, and mails are read', async ({ browser, demo }) => {
  const app = `/apps/${demo.app_id}`;
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  await page.goto(`${app}/profiles`);
  await byRole(page, 'link', /^staging/).click();
  await byRole(page, 'heading', 'Profile staging').waitFor();
  await byRole(page, 'row', /sms_daily_limit/).waitFor();
  await byRole(page, 'button', 'Edit', { exact: true }).click();
  const edit = byRole(page, 'dialog', 'Edit staging');
  const text = await edit.getByLabel('Variables').inputValue();
  await edit.getByLabel('Variables').fill('{');
  await edit.getByText('This is not JSON').waitFor();
  await edit
    .getByLabel('Variables')
    .fill(JSON.stringify({ ...JSON.parse(text), sms_daily_limit: 7, page_title: 'Lab' }));
  await edit.getByText('page_title').last().waitFor();
  await edit.getByLabel('Reason').fill('The provider is on holiday');
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'profile-edit.png') });
  await byRole(edit, 'button', 'Save as a new revision').click();
  await edit.waitFor({ state: 'detached' });
  await byRole(page, 'row', /page_title/).waitFor();
  await byRole(page, 'tab', 'Revisions').click();
  await page.getByText('The provider is on holiday').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'profile-revisions.png') });
  await page
    .getByRole('button', { name: /^Revert to revision/ })
    .first()
    .click();
  const revert = page.getByRole('dialog');
  await revert.getByText('page_title').last().waitFor();
  await revert.getByLabel('Reason').fill('They are back');
  await byRole(revert, 'button', 'Save as a new revision').click();
  await revert.waitFor({ state: 'detached' });
  await page.getByText('They are back').waitFor();

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
