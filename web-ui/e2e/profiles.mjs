// Runtime profiles: variables as a table and as text, secrets, address and data, revisions, and two admins at once.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { look, person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

const opened = async (page, demo, name) => {
  await page.goto(`/apps/${demo.app_id}/profiles`);
  await byRole(page, 'link', new RegExp(`^${name}`)).click();
  await byRole(page, 'heading', `Profile ${name}`).waitFor();
};

const review = async (page) => {
  await byRole(page, 'button', 'Review and save').click();
  return page.getByRole('dialog');
};

const save = async (dialog, reason) => {
  await dialog.getByLabel('Reason').fill(reason);
  await byRole(dialog, 'button', 'Save as a new revision').click();
  await dialog.waitFor({ state: 'detached' });
};

test('the variables of a profile are edited as a table and as text, reverted and compared', async ({
  browser,
  demo,
}) => {
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  await opened(page, demo, 'staging');
  const value = page.getByLabel('Value of sms_daily_limit');
  await value.fill('many');
  await page.getByText('Type a number').waitFor();
  assert.equal(await byRole(page, 'button', 'Review and save').isDisabled(), true);
  await value.fill('7');
  await byRole(page, 'button', 'Add', { exact: true }).click();
  // The name has the focus, so that adding goes on by the keyboard.
  await page.keyboard.type('1page');
  await page.getByText('A name starts with a letter').waitFor();
  await byRole(page, 'textbox', 'Name of the new variable').fill('page_title');
  await page.getByLabel('Value of page_title').fill('Lab');
  await byRole(page, 'button', 'Add', { exact: true }).click();
  await page.keyboard.type('is_open');
  await page.getByLabel('Type of is_open').selectOption('Yes or no');
  await page.getByLabel('Value of is_open').selectOption('Yes (true)');
  const wrong = [];
  await look(page, 'profile-edited', wrong);
  let dialog = await review(page);
  await dialog.getByText('page_title').waitFor();
  assert.equal(await dialog.getByRole('listitem').count(), 3);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await look(page, 'profile-review', wrong);
  assert.deepEqual(wrong, []);
  await save(dialog, 'The provider is on holiday');

  // As text: what is missing is removed, quotes make a text of a number.
  await byRole(page, 'button', 'As text').click();
  const text = page.getByLabel('All variables');
  const lines = await text.inputValue();
  assert.match(lines, /^page_title=Lab$/m);
  assert.match(lines, /^is_open=true$/m);
  await text.fill(`${lines}\nnonsense`);
  await page.getByText('is not NAME=value').waitFor();
  await text.fill(`${lines.replace('page_title=Lab\n', '')}\nroom="12"`);
  dialog = await review(page);
  await dialog.getByText('room').waitFor();
  assert.equal(await dialog.getByRole('listitem').count(), 2);
  await save(dialog, 'As written');
  await page.getByLabel('Format').selectOption('JSON');
  assert.equal(JSON.parse(await text.inputValue()).room, '12');

  await byRole(page, 'tab', 'Revisions').click();
  await page.getByText('The provider is on holiday').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'profile-revisions-edited.png') });
  await page
    .getByRole('button', { name: /^Compare with now/ })
    .first()
    .click();
  await page.getByText('room').waitFor();
  const panel = page.getByRole('tabpanel');
  assert.equal(await panel.getByRole('listitem').count(), 2);
  await look(page, 'profile-compared', wrong);
  // What is compared stands in the address.
  await page.reload();
  await page.getByText('room').waitFor();
  await byRole(page, 'tab', 'Revisions').click();
  await page
    .getByRole('button', { name: /^Revert to revision/ })
    .nth(1)
    .click();
  dialog = page.getByRole('dialog');
  await dialog.getByText('sms_daily_limit').waitFor();
  await save(dialog, 'They are back');
  await page.getByText('They are back').waitFor();
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});

test('secrets are masked, revealed to admins alone, and replaced; address and data are refused at their fields', async ({
  browser,
  demo,
}) => {
  const admin = await person(browser, demo.url, demo.accounts.app_admin);
  const { page } = admin;
  await opened(page, demo, 'prod');
  await byRole(page, 'tab', 'Secrets').click();
  await page.getByText('Passwords and keys belong here').waitFor();
  await byRole(page, 'button', 'Add a secret').click();
  await page.keyboard.type('SMS_API_KEY');
  await page.keyboard.press('Enter');
  await page.getByLabel('Value of SMS_API_KEY').fill('sk-first-secret-0001');
  let dialog = await review(page);
  await dialog.getByText('SMS_API_KEY').waitFor();
  await dialog.getByText('Added').waitFor();
  assert.ok(!(await dialog.innerText()).includes('sk-first'));
  await save(dialog, 'The provider gave us a key');
  await page.getByText('sk-f••••0001').waitFor();
  await byRole(page, 'button', 'Reveal SMS_API_KEY').click();
  await page.getByText('sk-first-secret-0001').waitFor();
  const wrong = [];
  await byRole(page, 'button', 'Hide SMS_API_KEY').click();
  await page.getByText('sk-first-secret-0001').waitFor({ state: 'detached' });
  await byRole(page, 'button', 'Replace SMS_API_KEY').click();
  await page.getByLabel('New value of SMS_API_KEY').fill('sk-second-secret-0002');
  await look(page, 'profile-secrets-edited', wrong);
  dialog = await review(page);
  await dialog.getByText('Gets a new value').waitFor();
  await save(dialog, 'The first one leaked');
  await page.getByText('sk-s••••0002').waitFor();

  await byRole(page, 'tab', 'Address and data').click();
  await page.getByLabel('Base URL').fill('lab.example');
  await page.getByLabel('Engine').selectOption('MongoDB');
  await page.getByLabel('Connection').fill('lab-prod');
  await page.getByLabel('Folders').fill('migrations');
  await page.getByLabel('Command').fill('migrate --all');
  dialog = await review(page);
  await dialog.getByLabel('Reason').fill('Where it is');
  await byRole(dialog, 'button', 'Save as a new revision').click();
  await dialog.getByRole('alert').getByText('begins with https').waitFor();
  await byRole(dialog, 'button', 'Back').click();
  await page.locator('input[type=url][aria-invalid=true]').waitFor();
  await look(page, 'profile-settings-refused', wrong);
  await page.getByLabel('Base URL').fill('https://lab.example');
  dialog = await review(page);
  await dialog.getByText('mongodb by lab-prod').waitFor();
  await save(dialog, 'Where it is');
  await byRole(page, 'status', '').filter({ hasText: 'change' }).waitFor({ state: 'detached' });

  // Who is no admin reads the same, masked, and is offered nothing.
  const author = await person(browser, demo.url, demo.accounts.user);
  await opened(author.page, demo, 'prod');
  await author.page.getByText('app admins edit it directly').waitFor();
  assert.equal(await byRole(author.page, 'button', 'Add', { exact: true }).count(), 0);
  await byRole(author.page, 'tab', 'Secrets').click();
  await author.page.getByText('sk-s••••0002').waitFor();
  assert.equal(await author.page.getByRole('button', { name: /Reveal|Replace|Remove/ }).count(), 0);
  await look(author.page, 'profile-secrets-read', wrong);
  await byRole(author.page, 'tab', 'Revisions').click();
  await author.page.getByText('The first one leaked').waitFor();
  assert.ok(!(await author.page.content()).includes('second-secret'));
  // The revelation is on record.
  await author.page.goto(`/apps/${demo.app_id}/audit?action=runtime_profile.secret_revealed`);
  await author.page.getByText('secret SMS_API_KEY, version').waitFor();
  assert.deepEqual(wrong, []);
  for (const { broken, context } of [admin, author]) {
    assert.deepEqual(broken, []);
    await context.close();
  }
});

test('two admins edit a profile at once, and neither loses what they typed', async ({ browser, demo }) => {
  const first = await person(browser, demo.url, demo.accounts.app_admin);
  const second = await person(browser, demo.url, demo.accounts.app_admin);
  // No parameter of the catalog: the environment goes on as it runs.
  await opened(first.page, demo, 'dev');
  await byRole(first.page, 'button', 'Add', { exact: true }).click();
  await first.page.keyboard.type('greeting');
  await first.page.getByLabel('Value of greeting').fill('Hello');
  await save(await review(first.page), 'A greeting');
  await opened(second.page, demo, 'dev');
  await first.page.getByLabel('Value of greeting').fill('Good morning');
  await byRole(first.page, 'button', 'Add', { exact: true }).click();
  await first.page.keyboard.type('mine');

  await second.page.getByLabel('Value of greeting').fill('Good night');
  await byRole(second.page, 'button', 'Add', { exact: true }).click();
  await second.page.keyboard.type('theirs');
  await save(await review(second.page), 'From the other side');

  const { page } = first;
  await byRole(page, 'status', '').filter({ hasText: 'what you typed stands over it' }).waitFor();
  assert.equal(await page.getByLabel('Value of greeting').inputValue(), 'Good morning');
  await page.getByLabel('Value of theirs').waitFor();
  const dialog = await review(page);
  await dialog.getByText('Somebody changed it meanwhile').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'profile-overtaken.png') });
  await save(dialog, 'Mine as well');
  for (const name of ['mine', 'theirs']) await page.getByLabel(`Value of ${name}`).waitFor();
  assert.equal(await page.getByLabel('Value of greeting').inputValue(), 'Good morning');
  for (const { broken, context } of [first, second]) {
    assert.deepEqual(broken, []);
    await context.close();
  }
});
