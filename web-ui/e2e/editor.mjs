// What the editor knows while an author types.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { guide, person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test(
  'the editor tells what is wrong, offers what fits, and leads to what is meant',
  async ({ browser, demo }) => {
    const author = demo.accounts.user;
    const { page, broken, context } = await person(browser, demo.url, author);
    await page.goto(`/apps/${demo.app_id}/workspaces`);
    await page.locator('main').getByRole('link').first().click();
    await byRole(page, 'button', 'New file').click();
    await byRole(page, 'dialog', 'New file').getByLabel('Path').fill('pages/bench-view.yml');
    await byRole(page, 'button', 'Create').click();
    await page.locator('.cm-content').click();
    const problems = byRole(page, 'region', 'Problems');
    const options = page.locator('.cm-tooltip-autocomplete li');

    /** Takes the marked option; the editor lets no key take one in its first moment, so that nothing is taken by mistake. */
    const take = async () => {
      await page.waitForTimeout(150);
      await page.keyboard.press('Enter');
    };

    // Types, keys and names are offered where they fit; Enter takes what is marked.
    await page.keyboard.type('type: pag');
    await options.getByText('page', { exact: true }).waitFor();
    await take();
    await page.keyboard.type('\nname: bench-view\nent');
    await options.getByText('entity', { exact: true }).waitFor();
    await take();
    await page.locator('.cm-content').getByText('entity:').waitFor();
    await page.keyboard.type('samp');
    await options.filter({ hasText: 'entities/sample.yml' }).first().waitFor();
    await page.screenshot({ path: join(SHOTS, 'editor-completion.png') });
    await take();
    await page.keyboard.type('\nsections:\n  - name: identity\nfields:\n- name: barcod');
    await options.getByText('barcode', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.type('x');

    // What is wrong is underlined, counted, and one key or click away.
    await problems.getByText('1 error').waitFor();
    await page.locator('.cm-lintRange-error').getByText('barcodx').waitFor();
    await page.keyboard.press('Control+Home');
    await byRole(problems, 'button', /did you mean `barcode`/).click();
    assert.deepEqual(await violations(page), []);
    await guide(page, 'editor');
    // Colours that are still on their way would be measured.
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    assert.deepEqual(await violations(page), []);
    await page.screenshot({ path: join(SHOTS, 'editor-problems-dark.png') });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.keyboard.press('End');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('e');
    await page.keyboard.press('Escape');
    await problems.getByText('No problems').waitFor();

    // What stands there is told by mouse and by key, and leads to where it is declared.
    await page.locator('.cm-content').getByText('barcode').hover();
    await page.getByText('field `barcode` of entity `sample`').waitFor();
    await page.mouse.move(0, 0);
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('Control+i');
    await page.locator('.cm-tooltip').getByText('type', { exact: true }).waitFor();
    await page.screenshot({ path: join(SHOTS, 'editor-meaning.png') });
    await page.keyboard.press('Escape');
    await page.getByRole('status').getByText('Saved', { exact: true }).waitFor();
    await page.locator('.cm-line').filter({ hasText: 'entity:' }).click();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('F12');
    await byRole(page, 'heading', 'entities/sample.yml').waitFor();
    await page.waitForURL(/line=\d/);
    await page.goBack();
    await byRole(page, 'heading', 'pages/bench-view.yml').waitFor();
    await byRole(page, 'button', 'Delete pages/bench-view.yml').click();
    await byRole(page, 'dialog')
      .getByRole('button', { name: /Delete/ })
      .click();
    await byRole(page, 'heading', 'pages/bench-view.yml').waitFor({ state: 'detached' });
    assert.deepEqual(broken, []);
    await context.close();
  },
  { takesPictures: true },
);
