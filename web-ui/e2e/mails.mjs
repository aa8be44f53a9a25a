// Mails: what waits for whom, and a link that leads there, also who is not signed in yet.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { apiOf } from './api.mjs';
import { guide, person, SHOTS, settled, violations } from './browser.mjs';
import { byRole, goesTo, test } from './tests.mjs';

/** Signs in on the page that one was sent to. */
async function signInHere(page, { email, password }) {
  await byRole(page, 'heading', 'Sign in').waitFor();
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await byRole(page, 'button', 'Sign in').click();
}

test(
  'FLOW-CONFIG-002: an operator proposes a critical value, and its mail leads an approver to it',
  async ({ browser, demo }) => {
    const staging = `/apps/${demo.app_id}/environments/${demo.environments.staging}`;
    const editor = await person(browser, demo.url, demo.accounts.config_manager);
    await editor.page.goto(`${staging}/parameters?q=critical_potassium`);
    await editor.page.locator('#value-critical_potassium_high').fill('6.1');
    await byRole(editor.page, 'button', 'Review and save').click();
    const dialog = editor.page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('The new analyzer reads lower');
    await guide(editor.page, 'parameters-review');
    await byRole(dialog, 'button', 'Submit for approval').click();
    await dialog.waitFor({ state: 'detached' });

    // Where no mail is sent, the operator of the server reads them in the outbox.
    const operator = await person(browser, demo.url, demo.operator);
    await goesTo(operator.page, 'Outbox');
    const approver = demo.accounts.app_admin;
    const mail = operator.page
      .getByRole('listitem')
      .filter({ hasText: approver.email })
      .filter({ hasText: /critical_potassium|Approval needed|draft/i })
      .first();
    await mail.locator('summary').click();
    await guide(operator.page, 'outbox');
    const link = await byRole(mail, 'link', 'Open what it is about').getAttribute('href');

    // Whoever follows the link signs in on the way, and is led to what the mail is about.
    const { page, broken, context } = await person(browser, demo.url);
    await page.goto(link);
    await signInHere(page, approver);
    await byRole(page, 'heading', 'Parameter draft').waitFor();
    await page.getByText('The new analyzer reads lower').waitFor();
    await guide(page, 'draft');
    await byRole(page, 'button', 'Approve').click();
    await page.getByText('Active', { exact: true }).waitFor();
    // The editor is told, and nobody else has it on their list any more.
    await goesTo(page, 'Home');
    await byRole(page, 'heading', 'Waiting for me').waitFor();
    await settled(page);
    assert.equal(await page.getByText('critical_potassium_high in staging').count(), 0);
    for (const one of [editor, operator, { broken, context }]) {
      assert.deepEqual(one.broken, []);
      await one.context.close();
    }
  },
  { takesPictures: true },
);

test('every kind of mail leads its reader to a page that is about it', async ({ browser, demo }) => {
  const { data } = await apiOf(demo, demo.operator)('GET', '/outbox?limit=200');
  const kinds = new Map();
  for (const mail of data) {
    const reader = demo.people.find(({ email }) => email === mail.to);
    // Links that are good once are followed elsewhere.
    const isOnce = /\/(invite|reset-password|setup)\//.test(mail.link ?? '');
    if (mail.link && reader && !isOnce && !kinds.has(mail.event)) kinds.set(mail.event, { mail, reader });
  }
  assert.ok(kinds.size >= 6, `only ${[...kinds.keys()]}`);
  const wrong = [];
  const readers = new Map();
  for (const [event, { mail, reader }] of kinds) {
    if (!readers.has(reader.email)) readers.set(reader.email, await person(browser, demo.url, reader));
    const { page } = readers.get(reader.email);
    await page.goto(new URL(mail.link, demo.url).pathname);
    await settled(page);
    const title = await page.getByRole('heading', { level: 1 }).innerText();
    const alerts = await page.getByRole('alert').allInnerTexts();
    if (/nothing at this address/.test(title) || alerts.length > 0) wrong.push(`${event}: ${title} ${alerts}`);
  }
  assert.deepEqual(wrong, []);
  for (const { broken, context } of readers.values()) {
    assert.deepEqual(broken, []);
    await context.close();
  }
});

test(
  'an admin invites somebody, who comes by the mail, works, and leaves',
  async ({ browser, demo }) => {
    const app = `/apps/${demo.app_id}`;
    const admin = await person(browser, demo.url, demo.accounts.app_admin);
    const { page } = admin;
    await page.goto('/');
    await byRole(page, 'link', /^Clinical Lab/).click();
    await goesTo(page, 'Members');
    await byRole(page, 'tab', 'Invites').click();
    await page.getByLabel('E-mail').fill('not an address');
    await page.getByLabel('E-mail').fill('lena@lab.example');
    await page.getByLabel('Role').selectOption('reviewer');
    await guide(page, 'invite');
    await byRole(page, 'button', 'Invite').click();
    await byRole(page, 'row', /lena@lab.example/).waitFor();

    const { data } = await apiOf(demo, demo.operator)('GET', '/outbox?limit=50');
    const { link } = data.find(({ to }) => to === 'lena@lab.example');
    const newcomer = await person(browser, demo.url);
    await newcomer.page.goto(new URL(link, demo.url).pathname);
    await byRole(newcomer.page, 'heading', 'Join Clinical Lab').waitFor();
    await newcomer.page.getByText('reviewer').waitFor();
    await newcomer.page.getByLabel('Name').fill('Lena Vogt');
    await newcomer.page.getByLabel('Handle').fill('lena');
    await newcomer.page.getByLabel('Password').fill('a long enough sentence');
    await byRole(newcomer.page, 'button', 'Join').click();
    await byRole(newcomer.page, 'heading', 'Home').waitFor();
    // A reviewer at once has the reviews that wait.
    await byRole(newcomer.page, 'link', /Review/)
      .first()
      .waitFor();

    // The admin gives another role, a stage and a token for its programs.
    await byRole(page, 'tab', 'Members').click();
    await page.getByLabel('Role of Lena Vogt').selectOption('user');
    await page.getByText('Role changed').waitFor();
    await byRole(page, 'tab', 'Service tokens').click();
    await page.getByLabel('Name').fill('night shift');
    await page.getByLabel('Environment').selectOption({ label: 'staging' });
    await byRole(page, 'button', 'Create token').click();
    const secret = await page.getByText('Copy it now').locator('code').innerText();
    const read = await fetch(`${demo.url}/v1/config`, { headers: { authorization: `Bearer ${secret}` } });
    assert.equal(read.status, 200);
    assert.deepEqual(await violations(page), []);
    await page.screenshot({ path: join(SHOTS, 'token-made.png') });
    await byRole(page, 'button', 'Done').click();

    await goesTo(page, 'Environments');
    await byRole(page, 'button', 'Edit stages').click();
    const stages = byRole(page, 'dialog', 'Stages');
    await byRole(stages, 'button', 'Add a stage').click();
    await stages.getByLabel('Name').last().fill('Not A Name');
    await byRole(stages, 'button', 'Save').click();
    await stages.locator('.text-bad:not(:empty)').first().waitFor();
    await stages.getByLabel('Name').last().fill('training');
    await byRole(stages, 'button', 'Save').click();
    await stages.waitFor({ state: 'detached' });
    const training = page.getByRole('listitem').filter({ has: byRole(page, 'link', 'training', { exact: true }) });
    await training.getByText('Nothing runs here yet').waitFor();
    await guide(page, 'stages');
    await byRole(page, 'button', 'Edit stages').click();
    await byRole(stages, 'button', 'Remove').last().click();
    await byRole(stages, 'button', 'Save').click();
    await training.waitFor({ state: 'detached' });

    // All of it is on record.
    await goesTo(page, 'Audit');
    await byRole(page, 'row', /Invite accepted/)
      .first()
      .waitFor();
    await guide(page, 'audit');
    await goesTo(page, 'Members');
    await byRole(page, 'button', 'Remove Lena Vogt').click();
    await byRole(page.getByRole('dialog'), 'button', 'Remove').click();
    await byRole(page, 'row', /lena@lab.example/).waitFor({ state: 'detached' });
    await newcomer.page.goto(app);
    await newcomer.page.getByRole('alert').first().waitFor();
    await newcomer.page.screenshot({ path: join(SHOTS, 'no-member.png') });
    assert.deepEqual(await violations(newcomer.page), []);
    for (const one of [admin, newcomer]) {
      assert.deepEqual(one.broken, []);
      await one.context.close();
    }
  },
  { takesPictures: true },
);
