// What became of a file, where it is reviewed and where it is edited.
import assert from 'node:assert/strict';
import { apiOf } from './api.mjs';
import { look, person, settled } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('a file tells what changed it and what set its lines, in a review and in a workspace', async ({
  browser,
  demo,
}) => {
  const app = `/apps/${demo.app_id}`;
  const author = apiOf(demo, demo.accounts.user);
  const workspace = await author('POST', `${app}/workspaces`, { name: 'Of the past' });
  const released = (await author('GET', `${app}/changesets?state=released&limit=1`)).data[0];
  const diff = await author('GET', `${app}/changesets/${released.id}/diff`);
  const path = diff.files.find(({ kind }) => kind === 'modified' || kind === 'added').path;
  const at = `${app}/workspaces/${workspace.id}/files`;
  const file = await author('GET', `${at}?path=${encodeURIComponent(path)}`);
  const edit = { op: 'put', path, expected_blob: file.blob, text: `${file.text}# A line of one's own\n` };
  await author('PUT', at, { edits: [edit] });
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.user);
  const wrong = [];
  const title = new RegExp(`^#${released.number} `);
  const looks = async (own, name) => {
    await byRole(page, 'button', `History of ${path}`).click();
    const dialog = page.getByRole('dialog');
    await byRole(dialog, 'link', title).waitFor();
    await dialog
      .getByText(/approved by/)
      .first()
      .waitFor();
    await byRole(dialog, 'link', released.release_tag).first().waitFor();
    await look(page, `${name}-history`, wrong);
    await byRole(dialog, 'tab', 'Line by line').click();
    await dialog.getByText("# A line of one's own").waitFor();
    await dialog.getByText(own).waitFor();
    // The margin says who and when, and leads to the file in the changeset.
    const margin = dialog
      .getByRole('cell')
      .filter({ has: byRole(page, 'link', title) })
      .first();
    await margin.locator('time').waitFor();
    await margin.getByText(released.author.name).waitFor();
    assert.match(await byRole(margin, 'link', title).getAttribute('href'), /\/changesets\/.*tab=files.*file=/);
    await look(page, `${name}-lines`, wrong);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  };
  await page.goto(`${app}/workspaces/${workspace.id}?file=${encodeURIComponent(path)}`);
  await settled(page);
  await looks('This workspace', 'workspace-past');
  const wish = { workspace_id: workspace.id, title: 'Add a line' };
  const changeset = await author('POST', `${app}/changesets`, wish);
  await author('POST', `${app}/changesets/${changeset.id}/submit`, {});
  await page.goto(`${app}/changesets/${changeset.id}?tab=files`);
  await settled(page);
  await looks('This changeset', 'review-past');
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});
