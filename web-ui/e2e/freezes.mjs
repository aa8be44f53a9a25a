// Freeze windows: made in plain words, seen where they bear on what one does, and set aside with a reason.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { apiOf, published } from './api.mjs';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('FLOW-CONFIG-008: a freeze is made, seen, heeded, set aside with a reason, and removed', async ({
  browser,
  demo,
}) => {
  const staging = `/apps/${demo.app_id}/environments/${demo.environments.staging}`;
  const admin = await person(browser, demo.url, demo.accounts.app_admin);
  const manager = await person(browser, demo.url, demo.accounts.config_manager);
  const { page } = admin;
  await page.goto(`${staging}?tab=freezes`);
  await page.getByText('Never frozen').waitFor();
  await byRole(page, 'button', 'Add a freeze window').click();
  const form = byRole(page, 'dialog', 'Add a freeze window');
  await form.getByLabel('Name').fill('Inventory');
  await form.getByLabel('Text of the banner').fill('The stock is counted.');
  const hour = 3_600_000;
  const local = (at) =>
    page.evaluate((ms) => {
      const instant = new Date(ms);
      return new Date(ms - instant.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    }, at);
  await form.getByLabel('From').fill(await local(Date.now() - hour));
  // An end before the start is refused at its field, and nothing that was typed is lost.
  await form.getByLabel('To', { exact: true }).fill(await local(Date.now() - 2 * hour));
  await byRole(form, 'button', 'Save').click();
  await form.locator('input[aria-invalid=true]').waitFor();
  await form.getByText('a freeze ends after it starts').waitFor();
  await page.screenshot({ path: join(SHOTS, 'freeze-refused.png') });
  await form.getByLabel('To', { exact: true }).fill(await local(Date.now() + 2 * hour));
  await byRole(form, 'button', 'Save').click();
  await form.waitFor({ state: 'detached' });
  await page.getByText('Frozen until').first().waitFor();

  // Whoever may not set it aside waits, and is told for how long.
  const parameters = manager.page;
  await parameters.goto(`${staging}/parameters`);
  await parameters.getByText('The stock is counted.').waitFor();
  await parameters.locator('#value-worklist_max_positions').fill('11');
  await parameters.getByText('Frozen: nothing is saved until').waitFor();
  await byRole(parameters, 'button', 'Review and save').click();
  const held = parameters.getByRole('dialog');
  await held.getByText('An app admin may set that aside.').waitFor();
  assert.ok(await byRole(held, 'button', 'Save', { exact: true }).isDisabled());
  assert.deepEqual(await violations(parameters), []);
  await parameters.screenshot({ path: join(SHOTS, 'frozen-parameters.png') });
  await parameters.goto(staging);
  await parameters.getByText('Frozen until').first().waitFor();
  assert.ok(await byRole(parameters, 'button', 'Deploy', { exact: true }).isDisabled());
  await parameters.screenshot({ path: join(SHOTS, 'frozen-environment.png') });

  // An app admin gives a reason, and the save goes through.
  await page.goto(`${staging}/parameters`);
  await page.locator('#value-worklist_max_positions').fill('11');
  await byRole(page, 'button', 'Review and save').click();
  const save = page.getByRole('dialog');
  await save.getByLabel('Why the freeze is set aside').waitFor();
  assert.ok(await byRole(save, 'button', 'Save', { exact: true }).isDisabled());
  await save.getByLabel('Why the freeze is set aside').fill('The analyzer stands still');
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'freeze-set-aside.png') });
  await byRole(save, 'button', 'Save', { exact: true }).click();
  await save.waitFor({ state: 'detached' });

  // So does taking a value back to the catalog's default.
  await page.goto(`${staging}/parameters?q=label_printer_mode`);
  await byRole(page, 'button', 'To default: label_printer_mode').click();
  const reset = byRole(page, 'dialog', 'To default: label_printer_mode');
  assert.ok(await byRole(reset, 'button', 'To default').isDisabled());
  await reset.getByLabel('Why the freeze is set aside').fill('It prints nothing');
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'freeze-to-default.png') });
  await byRole(reset, 'button', 'To default').click();
  await reset.waitFor({ state: 'detached' });
  await byRole(page, 'button', 'To default: label_printer_mode').waitFor({ state: 'detached' });

  // Every weekend from now on, in words.
  await page.goto(`${staging}?tab=freezes`);
  await byRole(page, 'button', 'Edit Inventory').click();
  const edit = byRole(page, 'dialog', 'Edit Inventory');
  await edit.getByLabel('Again and again').check();
  await edit.getByLabel('First from').fill('2026-01-02T18:00');
  await edit.getByLabel('Time zone').fill('Mars/Olympus');
  await edit.getByLabel('Lasts').fill('60');
  await edit.getByLabel('Friday').check();
  await edit.getByText('Every week on Friday at 18:00 (Mars/Olympus), for 2 days 12 hours').waitFor();
  await byRole(edit, 'button', 'Save').click();
  await edit.getByText('name a time zone of the IANA database').waitFor();
  await edit.getByLabel('Time zone').fill('Europe/Berlin');
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'freeze-edit.png') });
  await byRole(edit, 'button', 'Save').click();
  await edit.waitFor({ state: 'detached' });
  await page.getByText('Every week on Friday at 18:00 (Europe/Berlin)').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'freezes.png') });
  await byRole(page, 'button', 'Remove Inventory').click();
  await byRole(page.getByRole('dialog'), 'button', 'Remove').click();
  await page.getByText('Never frozen').waitFor();
  for (const { broken, context } of [admin, manager]) {
    assert.deepEqual(broken, []);
    await context.close();
  }
});

test('a deployment past a stage waits for two people, and one of them sets a freeze aside for it', async ({
  browser,
  demo,
}) => {
  const app = `/apps/${demo.app_id}`;
  const prod = `${app}/environments/${demo.environments.prod}`;
  const release = await published(demo, 'Say where the first aid box is', {
    'docs/first-aid.md': 'Beside the door.\n',
  });
  await apiOf(demo, demo.accounts.config_manager)('POST', `${prod}/deploy`, { release_id: release.id });
  const hour = 3_600_000;
  const schedule = {
    kind: 'once',
    starts_at: new Date(Date.now() - hour).toISOString(),
    ends_at: new Date(Date.now() + 2 * hour).toISOString(),
  };
  const window = { name: 'Inspection', banner: 'The inspectors are here.', schedule };
  await apiOf(demo, demo.accounts.app_admin)('POST', `${prod}/freeze-windows`, window);

  // Both find it on their lists. With the first approval it only waits on, and whoever may not set the freeze aside says yes.
  const open = async (role) => {
    const one = await person(browser, demo.url, demo.accounts[role]);
    await byRole(one.page, 'link', new RegExp(`Approve deployment ${release.tag} on prod`)).click();
    await byRole(one.page, 'heading', 'prod').waitFor();
    await byRole(one.page, 'button', 'Approve', { exact: true }).click();
    return one;
  };
  const reviewer = await open('reviewer');
  const first = byRole(reviewer.page, 'dialog', `Approve ${release.tag} on prod`);
  await first.getByText('It needs another approval').waitFor();
  await byRole(first, 'button', 'Approve').click();
  await reviewer.page.getByText('1 of 2 approvals').waitFor();
  const admin = await open('app_admin');
  const second = byRole(admin.page, 'dialog', `Approve ${release.tag} on prod`);
  assert.ok(await byRole(second, 'button', 'Approve').isDisabled());
  await second.getByLabel('Why the freeze is set aside').fill('The inspectors ask for it');
  assert.deepEqual(await violations(admin.page), []);
  await admin.page.screenshot({ path: join(SHOTS, 'deployment-approve.png') });
  await byRole(second, 'button', 'Approve').click();
  await admin.page.getByText('The inspectors ask for it').waitFor();
  await byRole(admin.page, 'row', new RegExp(release.tag)).getByText('Succeeded').waitFor();
  await byRole(admin.page, 'tab', 'Freezes').click();
  await byRole(admin.page, 'button', 'Remove Inspection').click();
  await byRole(admin.page.getByRole('dialog'), 'button', 'Remove').click();
  await admin.page.getByText('Never frozen').waitFor();
  for (const { broken, context } of [reviewer, admin]) {
    assert.deepEqual(broken, []);
    await context.close();
  }
});
