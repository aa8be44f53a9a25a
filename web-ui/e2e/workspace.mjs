// A workspace with everything that may happen to its files.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('files are moved, written by two tabs at once, synced key by key, and reset', async ({ browser, demo }) => {
  const app = `/apps/${demo.app_id}`;
  const read = async (path, token) => {
    const answer = await fetch(`${demo.url}/api${path}`, { headers: { authorization: `Bearer ${token}` } });
    return answer.json();
  };
  const changesets = (await read(`${app}/changesets?state=conflicted`, demo.accounts.app_admin.token)).data;
  const [collided] = changesets.filter(({ collisions }) => collisions.some(({ keys }) => keys.length > 0));
  const author = demo.people.find(({ name }) => name === collided.author.name);
  const { page, broken, context } = await person(browser, demo.url, author);
  await page.goto(`${app}/changesets/${collided.id}`);
  await page.getByText('Both changed it, to different values').first().waitFor();
  await page.getByText('This changeset, line').first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'review-conflicted-keys.png') });

  // Two files beside one another; one gets another place.
  const workspace = `${app}/workspaces/${collided.workspace_id}`;
  await page.goto(workspace);
  const editor = page.locator('.cm-content');
  await byRole(page, 'button', 'New file').click();
  await byRole(page, 'dialog', 'New file').getByLabel('Path').fill('plan.md');
  await byRole(page, 'button', 'Create').click();
  await editor.click();
  await page.keyboard.type('# A plan\n\nTo be read by all.\n');
  await page.getByRole('status').getByText('Saved', { exact: true }).waitFor();
  await page.keyboard.press('Control+p');
  await page.keyboard.type(collided.collisions[0].path);
  await page.keyboard.press('Enter');
  const open = byRole(page, 'navigation', 'Open files');
  await byRole(open, 'button', 'plan.md', { exact: true }).click();
  await byRole(page, 'button', 'Rename or move plan.md').click();
  const move = byRole(page, 'dialog', 'Rename or move');
  await move.getByLabel('New path').fill('../plan.md');
  await byRole(move, 'button', 'Move').click();
  await move.locator('input[aria-invalid=true], [role=alert]').first().waitFor();
  await move.getByLabel('New path').fill('docs/plan.md');
  await byRole(move, 'button', 'Move').click();
  await move.waitFor({ state: 'detached' });
  await byRole(page, 'heading', 'docs/plan.md').waitFor();
  await byRole(page, 'button', 'Checkpoint').click();
  await byRole(page, 'dialog', 'Checkpoint').getByLabel('Message').fill('Put the text where texts are');
  await byRole(page, 'button', 'Commit').click();
  await page.getByText(/^Commit [0-9a-f]{10}$/).waitFor();

  // The other tab is faster: what was typed here stays, and both are put together.
  const other = await context.newPage();
  await other.goto(`${workspace}?file=docs/plan.md`);
  await other.locator('.cm-content').waitFor();
  const write = async (tab, key, text) => {
    await tab.locator('.cm-content').click();
    await tab.keyboard.press(key);
    await tab.keyboard.type(text);
  };
  await write(other, 'Control+Home', 'From the other tab. ');
  await other.getByRole('status').getByText('Saved', { exact: true }).waitFor();
  await write(page, 'Control+End', 'From this tab.');
  await page.getByText('This file was changed elsewhere while you typed').waitFor();
  // Also across a reload.
  await page.reload();
  await page.getByText('This file was changed elsewhere while you typed').waitFor();
  await byRole(page, 'button', 'Put both together').click();
  await page.getByText('Line by line the two sides fit together.').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'workspace-overtaken.png') });
  await byRole(page, 'button', 'Use this').click();
  await page.getByRole('status').getByText('Saved', { exact: true }).waitFor();
  await editor.getByText('From the other tab.').waitFor();
  await page.keyboard.press('Control+End');
  await editor.getByText('From this tab.').waitFor();
  await other.close();

  // The integration branch comes in; the key that collides is decided.
  await byRole(page, 'tab', /^Sync/).click();
  await byRole(page, 'button', 'Bring it in').click();
  const file = byRole(page, 'region', collided.collisions[0].path);
  await file.getByText('Both changed it, to different values').waitFor();
  await file.getByText('1 place to decide, 1 open').waitFor();
  assert.ok(await byRole(page, 'button', 'Finish').isDisabled());
  await byRole(file, 'radio', 'Yours').check();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'workspace-sync.png'), fullPage: true });
  await byRole(file, 'button', 'Write it by hand').click();
  await file.getByRole('textbox').waitFor();
  await byRole(file, 'button', 'Back to the places').click();
  await byRole(file, 'button', 'Use this').click();
  await file.getByText('Resolved').waitFor();
  await byRole(page, 'button', 'Finish').click();
  await byRole(page, 'button', 'Bring it in').waitFor();

  await byRole(page, 'button', 'Reset').click();
  const reset = byRole(page, 'dialog', 'Reset this workspace?');
  assert.ok(await byRole(reset, 'button', 'Throw my edits away').isDisabled());
  await reset
    .getByRole('textbox')
    .fill(await byRole(page, 'heading', /./, { level: 1, includeHidden: true }).innerText());
  await page.screenshot({ path: join(SHOTS, 'workspace-reset.png') });
  await byRole(reset, 'button', 'Cancel').click();
  assert.deepEqual(broken, []);
  await context.close();
});
