// Home: what waits is narrowed down, and the address keeps it.
import assert from 'node:assert/strict';
import { look, person, settled } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('what waits is filtered by what is asked for and by app, and the address keeps it', async ({ browser, demo }) => {
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  const wrong = [];
  await settled(page);
  await byRole(page, 'button', 'Filter').click();
  const filter = byRole(page, 'search', 'Filter');
  await filter.getByLabel('Waits for me to').selectOption({ label: 'Review' });
  await page.waitForURL(/type=review/);
  const waiting = page.locator('section').filter({ has: byRole(page, 'heading', 'Waiting for me') });
  const all = () => byRole(waiting, 'link', '').allInnerTexts();
  await waiting.getByText('Compose', { exact: true }).waitFor({ state: 'detached' });
  await waiting.getByText('Invite again', { exact: true }).waitFor({ state: 'detached' });
  assert.ok((await all()).every((row) => row.startsWith('Review')));
  await page.reload();
  await settled(page);
  assert.equal(await filter.getByLabel('Waits for me to').inputValue(), 'review');
  await look(page, 'home-filtered', wrong);
  await filter.getByLabel('Waits for me to').selectOption({ label: 'Invite again' });
  await waiting.getByText('Nothing like that waits for you').waitFor();
  await filter.getByLabel('Apps by name').fill('nothing is called that');
  await page.getByText('No app is called that.').waitFor();
  await look(page, 'home-none', wrong);
  await byRole(filter, 'button', 'Clear and close').click();
  await filter.waitFor({ state: 'detached' });
  await byRole(page, 'link', /^Clinical Lab/).waitFor();
  assert.equal(new URL(page.url()).search, '');
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});
