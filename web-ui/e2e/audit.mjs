// The audit log: found by choices, which the address keeps.
import assert from 'node:assert/strict';
import { look, person, settled } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('the audit log is searched by choices, which the address keeps and each of which can be taken back', async ({
  browser,
  demo,
}) => {
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  const audit = `/apps/${demo.app_id}/audit`;
  const wrong = [];
  await page.goto(audit);
  await settled(page);
  const filters = byRole(page, 'region', 'Filters');
  const chosen = byRole(filters, 'list', 'Chosen filters');
  const rows = page.getByRole('row').filter({ has: page.getByRole('cell') });
  const whats = async () => new Set(await rows.locator('td:nth-child(3)').allInnerTexts());
  const total = async () => Number((await page.getByText(/^[\d,]+ events?$/).innerText()).replace(/\D/g, ''));
  const all = await total();

  // One kind of event, then a group of them.
  await filters.getByLabel('Event', { exact: true }).selectOption({ label: 'Published' });
  await chosen.getByText('Release published').waitFor();
  await page.waitForFunction((before) => !document.body.textContent.includes(`${before} events`), all.toLocaleString());
  assert.deepEqual([...(await whats())], ['Release published']);
  await filters.getByLabel('Event', { exact: true }).selectOption({ label: 'Anything: releases' });
  await rows.filter({ hasText: 'Release composed' }).first().waitFor();
  assert.ok([...(await whats())].every((what) => what.startsWith('Release ')));

  // Who, by a name in a row; then about what. A reload keeps all of it.
  await byRole(rows.filter({ hasText: 'Release published' }).first(), 'button', 'system').click();
  await chosen.getByText('By Conman itself').waitFor();
  const today = new Date();
  const day = `${today.getFullYear()}-${`${today.getMonth() + 1}`.padStart(2, '0')}-${`${today.getDate()}`.padStart(2, '0')}`;
  await filters.getByLabel('From', { exact: true }).fill(day);
  await chosen.getByText(/^From /).waitFor();
  await page.reload();
  await settled(page);
  await chosen.getByText('By Conman itself').waitFor();
  await chosen.getByText(/^From /).waitFor();
  assert.equal(await filters.getByLabel('By', { exact: true }).inputValue(), 'system');
  assert.equal(await filters.getByLabel('Event', { exact: true }).inputValue(), 'release');
  await look(page, 'audit-filtered', wrong);

  // A thing takes the place of its kind.
  const published = rows.filter({ hasText: 'Release published' }).first();
  await byRole(published, 'button', /^Only events about r/).click();
  await chosen.getByText(/^About r/).waitFor();
  assert.equal(await filters.getByLabel('Event', { exact: true }).inputValue(), '');

  // Nothing found says so, and leads out.
  await filters.getByLabel('Until', { exact: true }).fill('2020-01-01');
  await page.getByText('No event matches all of these filters').waitFor();
  await look(page, 'audit-none', wrong);
  await byRole(chosen, 'button', /^Remove the filter Until/).click();
  await rows.first().waitFor();
  await byRole(chosen, 'button', /^Remove the filter About/).click();
  await chosen.getByText(/^About/).waitFor({ state: 'detached' });
  await byRole(chosen, 'button', 'Clear all').click();
  await chosen.waitFor({ state: 'detached' });
  assert.equal(new URL(page.url()).search, '');
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});
