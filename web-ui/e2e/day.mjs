// One working day in the laboratory: from the first account to a release on two stages.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { look, person, SHOTS, settled, startEmpty, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('the first account is made by the one-time link, signs out and in, and makes an app', async ({ browser }) => {
  const server = await startEmpty();
  try {
    const { page, broken, context } = await person(browser, server.url);
    await page.goto(`${server.url}${new URL(server.link).pathname}`);
    await byRole(page, 'heading', 'Set up Conman').waitFor();
    assert.deepEqual(await violations(page), []);
    await page.screenshot({ path: join(SHOTS, 'set-up.png') });
    const password = 'a long enough sentence';
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Handle').fill('Not A Handle');
    await page.getByLabel('E-mail').fill('ada@example.org');
    await page.getByLabel('Password').fill(password);
    await byRole(page, 'button', 'Create account').click();
    // The refusal stands at its field, and the rest of the form is still there.
    await page.locator('input[name=handle][aria-invalid=true]').waitFor();
    await page.getByLabel('Handle').fill('ada');
    await byRole(page, 'button', 'Create account').click();
    await byRole(page, 'heading', 'New app').waitFor();
    await page.getByLabel('Name').fill('Night Shift');
    assert.equal(await page.getByLabel('Slug').inputValue(), 'night-shift');
    await byRole(page, 'button', 'Create app').click();
    await byRole(page, 'heading', 'Night Shift').waitFor();
    await page.getByText('No environments yet').waitFor();
    await page.screenshot({ path: join(SHOTS, 'overview-empty.png') });
    await byRole(page, 'button', 'Sign out').click();
    await byRole(page, 'heading', 'Sign in').waitFor();
    // A deep link leads to its page behind the sign-in.
    await page.goto('/me');
    await page.getByLabel('E-mail').fill('ada@example.org');
    await page.getByLabel('Password').fill('wrong');
    await byRole(page, 'button', 'Sign in').click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Password').fill(password);
    await byRole(page, 'button', 'Sign in').click();
    await byRole(page, 'heading', 'Your account').waitFor();
    assert.deepEqual(broken, []);
    await context.close();
  } finally {
    await server.stop();
  }
});

test('every page is accessible in both themes, and fits a phone', async ({ browser, demo }) => {
  const app = `/apps/${demo.app_id}`;
  const read = async (path) => {
    const [account] = demo.people.filter(({ handle }) => handle === 'mei');
    const answer = await fetch(`${demo.url}/api${path}`, { headers: { authorization: `Bearer ${account.token}` } });
    return answer.json();
  };
  const changesets = (await read(`${app}/changesets?limit=50`)).data;
  const inReview = changesets.find(({ state }) => state === 'in_review').id;
  const conflicted = changesets.find(({ state }) => state === 'conflicted').id;
  const releases = (await read(`${app}/releases`)).data;
  const [deployment] = (await read(`${app}/deployments`)).data;
  const [job] = (await read(`${app}/jobs?type=release_assemble`)).data;
  const dev = `${app}/environments/${demo.environments.dev}`;
  const profiles = (await read(`${app}/runtime-profiles`)).data;
  const staging = `${app}/profiles/${profiles.find(({ name }) => name === 'staging').id}`;
  const pages = {
    home: '/',
    account: '/me',
    overview: app,
    'overview-list': `${app}?view=list`,
    changesets: `${app}/changesets?state=in_review`,
    review: `${app}/changesets/${inReview}`,
    'review-files': `${app}/changesets/${inReview}?tab=files`,
    'review-split': `${app}/changesets/${inReview}?tab=files&view=split`,
    'review-changes': `${app}/changesets/${inReview}?tab=changes`,
    'review-conflicted': `${app}/changesets/${conflicted}`,
    queue: `${app}/queue`,
    releases: `${app}/releases`,
    'release-draft': `${app}/releases/${releases.find(({ tag }) => !tag).id}`,
    release: `${app}/releases/${releases.find(({ tag }) => tag).id}`,
    environments: `${app}/environments`,
    'environments-list': `${app}/environments?view=list`,
    deployment: `${app}/deployments/${deployment.id}`,
    environment: dev,
    'environment-freezes': `${dev}?tab=freezes`,
    parameters: `${dev}/parameters`,
    'parameters-drafts': `${dev}/parameters?tab=drafts`,
    'parameters-history': `${dev}/parameters?tab=history`,
    'parameters-then': `${dev}/parameters?tab=then`,
    'parameters-compare': `${dev}/parameters?tab=compare`,
    catalog: `${app}/catalog`,
    runs: `${app}/runs`,
    'parameter-sets': `${app}/runs?tab=sets`,
    profiles: `${app}/profiles`,
    profile: staging,
    'profile-text': `${staging}?view=text`,
    'profile-secrets': `${staging}?tab=secrets`,
    'profile-settings': `${staging}?tab=settings`,
    'profile-revisions': `${staging}?tab=revisions`,
    'profile-compare': `${staging}?tab=compare`,
    settings: `${app}/settings`,
    workspaces: `${app}/workspaces`,
    jobs: `${app}/jobs`,
    'jobs-mails': `${app}/jobs?type=send_notification`,
    'jobs-none': `${app}/jobs?state=canceled`,
    job: `${app}/jobs/${job.id}`,
    audit: `${app}/audit`,
    members: `${app}/members`,
    'members-invites': `${app}/members?tab=invites`,
    'members-tokens': `${app}/members?tab=tokens`,
  };
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  const wrong = [];
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(path);
    await settled(page);
    await look(page, name, wrong);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});

test('FLOW-CONFIG-001 and 002: parameters are saved with a diff, refused at their fields, and recomputed when somebody was faster', async ({
  browser,
  demo,
}) => {
  const parameters = `/apps/${demo.app_id}/environments/${demo.environments.dev}/parameters`;
  const manager = await person(browser, demo.url, demo.accounts.config_manager);
  const admin = await person(browser, demo.url, demo.accounts.app_admin);
  const { page } = manager;
  await page.goto(parameters);
  await page.locator('#value-worklist_max_positions').fill('-5');
  await byRole(page, 'button', 'Review and save').click();
  const dialog = page.getByRole('dialog');
  await byRole(dialog, 'button', 'Save', { exact: true }).click();
  await dialog.getByRole('alert').filter({ hasText: 'worklist_max_positions' }).waitFor();
  await byRole(dialog, 'button', 'Back').click();
  await page.locator('#value-worklist_max_positions[aria-invalid=true]').waitFor();
  await page.locator('#value-worklist_max_positions').fill('12');

  await admin.page.goto(parameters);
  await admin.page.locator('#value-worklist_max_positions').fill('10');
  await byRole(admin.page, 'button', 'Review and save').click();
  const other = admin.page.getByRole('dialog');
  await other.getByLabel('Reason').fill('A smaller screen');
  await byRole(other, 'button', 'Save', { exact: true }).click();
  await other.waitFor({ state: 'detached' });

  // The change of the other person arrives; what was typed stays, and says what was overtaken.
  await byRole(page, 'status', '').filter({ hasText: 'changed by somebody else meanwhile' }).waitFor();
  assert.equal(await page.locator('#value-worklist_max_positions').inputValue(), '12');
  await byRole(page, 'button', 'Review and save').click();
  await dialog.getByText('Somebody changed it meanwhile').waitFor();
  await page.screenshot({ path: join(SHOTS, 'parameters-overtaken.png') });
  assert.deepEqual(await violations(page), []);
  await byRole(dialog, 'button', 'Save', { exact: true }).click();
  await dialog.waitFor({ state: 'detached' });

  // A critical one becomes a draft, which somebody else approves.
  await page.locator('#value-critical_potassium_high').fill('6.4');
  await byRole(page, 'button', 'Review and save').click();
  await dialog.getByText('Critical: critical_potassium_high').waitFor();
  assert.equal(await byRole(dialog, 'button', 'Save', { exact: true }).count(), 0);
  await dialog.getByLabel('Reason').fill('New reagent');
  await byRole(dialog, 'button', 'Submit for approval').click();
  await dialog.waitFor({ state: 'detached' });
  await admin.page.goto('/');
  await admin.page.getByText('critical_potassium_high in dev').click();
  await byRole(admin.page, 'heading', 'Parameter draft').waitFor();
  await admin.page.screenshot({ path: join(SHOTS, 'draft.png') });
  assert.deepEqual(await violations(admin.page), []);
  await byRole(admin.page, 'button', 'Approve').click();
  await admin.page.getByText('Active', { exact: true }).waitFor();
  for (const { broken, context } of [manager, admin]) {
    assert.deepEqual(broken, []);
    await context.close();
  }
});
