import AxeBuilder from '@axe-core/playwright';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { action, expect, makeJob, reason, row, signIn, test, users } from './fixtures';

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

async function clean(page: Page, where: string) {
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  expect(violations.map((v) => `${where}: ${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join('; ')}`)).toEqual([]);
}

const select = (page: Page, name: string) => page.getByRole('checkbox', { name: `Select ${name}`, exact: true }).check();
const dialog = (page: Page) => page.getByRole('dialog');

/** Makes a user by the API, with the password of all test users. */
async function makeUser(page: Page, username: string, role: string | null) {
  const answer = await page.request.post('/api/v1/users', { data: { username, role, password: users().others } });
  expect(answer.status(), await answer.text()).toBe(201);
  return (await answer.json()) as { id: string };
}

/** Whether somebody can sign in, asked without the page's cookies. */
async function letsIn(page: Page, username: string, password: string) {
  const apart = await page.context().browser()!.newContext();
  const answer = await apart.request.post(new URL('/api/v1/session', page.url()).href, { data: { username, tenant: users().tenant, password } });
  await apart.close();
  return answer.status() === 200;
}

test.beforeEach(async ({ page }) => {
  await signIn(page);
  await page.goto('/users');
});

test('lists, searches, filters and sorts', async ({ page }) => {
  await expect(row(page, 'admin (you)')).toContainText('Administrator');
  await expect(row(page, 'nora')).toContainText('No role');
  await page.getByRole('searchbox', { name: 'Search by name' }).fill('VER');
  await expect(page.getByRole('status', { name: 'Rows of users on show' })).toHaveText('1–1 of 1');
  await page.getByRole('searchbox').fill('');
  await page.getByRole('button', { name: 'Filter by role: all' }).click();
  await page.getByRole('checkbox', { name: 'Viewer', exact: true }).check();
  await expect(page).toHaveURL(/role=viewer/);
  await expect(row(page, 'erin')).toHaveCount(0);
  await page.keyboard.press('Escape');
  await page.getByRole('columnheader', { name: 'Username' }).getByRole('button').click();
  await expect(page.getByRole('columnheader', { name: 'Username' })).toHaveAttribute('aria-sort', 'descending');
  await page.goto('/users?q=nobody-has-this-name');
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(row(page, 'erin')).toBeVisible();
});

test('adds a user whose password is generated, shown once and copied', async ({ page }) => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Add user' }).click();
  await expect(dialog(page).getByLabel('Username')).toBeFocused();
  await dialog(page).getByRole('button', { name: 'Add user' }).click();
  await expect(dialog(page)).toContainText('Enter a username.');
  await expect(dialog(page).getByLabel('Username')).toHaveAttribute('aria-invalid', 'true');
  await dialog(page).getByLabel('Username').fill('erin');
  await dialog(page).getByRole('button', { name: 'Add user' }).click();
  await expect(dialog(page)).toContainText('The tenant has a user of this name.');
  await clean(page, 'the form with errors');
  await dialog(page).getByLabel('Username').fill('Gina Generated');
  await dialog(page).getByLabel('Role').selectOption('exporter');
  await dialog(page).getByRole('button', { name: 'Add user' }).click();
  const shown = dialog(page).getByLabel('Password of Gina Generated');
  await expect(shown).toHaveText(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){5}$/);
  const password = await shown.innerText();
  await dialog(page).getByRole('button', { name: 'Copy the password' }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(password);
  await clean(page, 'the password');
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await expect(row(page, 'Gina Generated')).toContainText('Exporter');
  await expect(page.getByText(password)).toHaveCount(0);
  expect(await letsIn(page, 'Gina Generated', password)).toBe(true);
});

test('types a password, and sees what is wrong with it', async ({ page }) => {
  await page.getByRole('button', { name: 'Add user' }).click();
  await dialog(page).getByLabel('Username').fill('Tina Typed');
  await dialog(page).getByRole('radio', { name: 'Type one' }).check();
  await dialog(page).getByRole('textbox', { name: 'New password' }).fill('short');
  await dialog(page).getByRole('button', { name: 'Add user' }).click();
  await expect(dialog(page)).toContainText('at least 12 characters');
  await dialog(page).getByRole('textbox', { name: 'New password' }).fill(users().others);
  await dialog(page).getByRole('button', { name: 'Add user' }).click();
  await expect(page.getByText('Added Tina Typed.')).toBeVisible();
  expect(await letsIn(page, 'Tina Typed', users().others)).toBe(true);
});

test('changes a role, resets a password, deactivates and activates, by keyboard', async ({ page }) => {
  await makeUser(page, 'Kay Keyed', 'viewer');
  await page.goto('/users?q=Kay Keyed');
  const press = async (name: string, key = 'Enter') => {
    await dialog(page).getByRole('button', { name, exact: true }).focus();
    await page.keyboard.press(key);
  };
  const tool = async (name: string) => {
    await action(page, name).focus();
    await page.keyboard.press('Enter');
    await expect(dialog(page)).toBeVisible();
  };
  await page.getByRole('checkbox', { name: 'Select Kay Keyed', exact: true }).focus();
  await page.keyboard.press('Space');
  await tool('Change role');
  await expect(dialog(page).getByLabel('Role')).toBeFocused();
  await dialog(page).getByLabel('Role').selectOption('administrator');
  await press('Save');
  await expect(row(page, 'Kay Keyed')).toContainText('Administrator');

  await tool('Reset password');
  await clean(page, 'reset');
  await press('Reset password');
  const password = await dialog(page).getByLabel('Password of Kay Keyed').innerText();
  await page.keyboard.press('Escape');
  await expect(dialog(page)).toHaveCount(0);
  expect(await letsIn(page, 'Kay Keyed', password)).toBe(true);
  expect(await letsIn(page, 'Kay Keyed', users().others)).toBe(false);

  await tool('Deactivate');
  await press('Deactivate 1 user');
  await expect(row(page, 'Kay Keyed')).toContainText('Deactivated');
  expect(await letsIn(page, 'Kay Keyed', password)).toBe(false);
  await page.getByRole('checkbox', { name: 'Select Kay Keyed', exact: true }).focus();
  await page.keyboard.press('Space');
  await action(page, 'Activate').focus();
  await page.keyboard.press('Enter');
  await expect(row(page, 'Kay Keyed')).toContainText('Active');
  expect(await letsIn(page, 'Kay Keyed', password)).toBe(true);
});

test('takes over the jobs of a deactivated user', async ({ page, browser, baseURL }) => {
  const folder = mkdtempSync(join(tmpdir(), 'cdds-leaver-'));
  execFileSync('openssl', ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-days', '30', '-keyout', join(folder, 'key'), '-out', join(folder, 'pem'), '-subj', '/CN=leaver'], { stdio: 'ignore' });
  const { id } = await makeUser(page, 'Lea Leaver', 'administrator');
  const leaver = await browser.newContext({ baseURL });
  const signedIn = await leaver.request.post('/api/v1/session', { data: { username: 'Lea Leaver', tenant: users().tenant, password: users().others } });
  expect(signedIn.status()).toBe(200);
  expect((await leaver.request.put('/api/v1/me/certificate', { data: readFileSync(join(folder, 'pem')), headers: { 'Content-Type': 'application/x-pem-file' } })).status()).toBe(200);
  for (const title of ['Left job one', 'Left job two']) await makeJob(leaver.request, title);

  await page.goto('/users?q=Lea Leaver');
  await select(page, 'Lea Leaver');
  expect(await reason(page, 'Take over 2 jobs')).toContain('deactivate them first');
  expect((await page.request.post(`/api/v1/users/${id}/deactivate`)).status()).toBe(200);
  expect((await leaver.request.get('/api/v1/me')).status()).toBe(401);
  await page.reload();
  await row(page, 'Lea Leaver').getByRole('note').hover();
  await expect(page.getByRole('tooltip')).toContainText('Runs of these jobs fail');
  await clean(page, 'a deactivated owner');
  await select(page, 'Lea Leaver');
  await action(page, 'Take over 2 jobs').click();
  await expect(dialog(page)).toContainText('encrypted to your certificate');
  await dialog(page).getByRole('button', { name: 'Take over 2 jobs' }).click();
  await expect(page.getByText('You own 2 jobs of Lea Leaver now.')).toBeVisible();
  await expect(row(page, 'Lea Leaver').getByRole('note')).toHaveCount(0);
  const jobs = (await (await page.request.get('/api/v1/jobs?q=Left job')).json()) as { items: { owner: string }[] };
  expect(jobs.items.map((j) => j.owner)).toEqual([users().username, users().username]);
  await leaver.close();
});

test('says why something cannot be done', async ({ page }) => {
  expect(await reason(page, 'Reset password')).toContain('select a user first');
  await page.getByRole('checkbox', { name: `Select ${users().username}`, exact: true }).check();
  expect(await reason(page, 'Reset password')).toContain('User preferences');
  await page.route('**/api/v1/users/*/deactivate', (route) => route.fulfill({
    status: 409, contentType: 'application/problem+json',
    json: { type: 'about:blank', title: 'Conflict', status: 409, code: 'conflict', detail: "This is the tenant's last active administrator.", hint: 'Make another user an administrator first, or activate one.' },
  }));
  await action(page, 'Deactivate').click();
  await dialog(page).getByRole('button', { name: 'Deactivate 1 user' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'last active administrator' })).toContainText('Make another user');
});

test('loading, a fault, and another try', async ({ page }) => {
  let broken = true;
  await page.route('**/api/v1/users?*', async (route) => {
    if (!broken) return route.continue();
    await new Promise((done) => setTimeout(done, 300));
    return route.fulfill({ status: 409, contentType: 'application/problem+json', json: { status: 409, code: 'conflict', title: 'Conflict', type: 'about:blank', detail: 'Not now.' } });
  });
  await page.goto('/users?q=a');
  await expect(page.getByRole('status', { name: 'Loading users' })).toBeVisible();
  await expect(page.getByRole('alert')).toContainText('The users could not be shown');
  broken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('table', { name: 'users' })).toBeVisible();
});

test('is for administrators alone', async ({ page }) => {
  for (const name of ['erin', 'vera']) {
    await signIn(page, name);
    await page.goto('/history');
    await expect(page.getByRole('heading', { name: 'History', exact: true })).toBeVisible();
    await expect(page.getByRole('link', { name: 'Users', exact: true })).toHaveCount(0);
    await page.goto('/users');
    await expect(page.getByText('Your role does not show users')).toBeVisible();
  }
});

test('everybody changes their own password', async ({ page }) => {
  await makeUser(page, 'Paul Password', 'viewer');
  await signIn(page, 'Paul Password');
  await page.goto('/history');
  await page.getByRole('button', { name: /user menu/ }).click();
  await page.getByRole('menuitem', { name: 'User preferences' }).click();
  const fill = async (present: string, next: string) => {
    await page.getByRole('textbox', { name: 'Present password' }).fill(present);
    await page.getByRole('textbox', { name: 'New password' }).fill(next);
    await page.getByRole('button', { name: 'Change password' }).click();
  };
  await fill('', 'short');
  await expect(page.getByText('Enter your present password.')).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'Present password' })).toBeFocused();
  await fill('not the present one', 'another long password');
  await expect(page.getByText('This is not your present password.')).toBeVisible();
  await clean(page, 'the password with an error');
  await fill(users().others, 'another long password');
  await expect(page.getByText('Your password is changed.')).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'Present password' })).toHaveValue('');
  expect((await page.request.get('/api/v1/me')).status()).toBe(200);
  expect(await letsIn(page, 'Paul Password', 'another long password')).toBe(true);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto('/users');
    await expect(row(page, 'erin')).toBeVisible();
    await page.getByRole('checkbox', { name: 'Select all users of this page' }).check();
    await clean(page, 'users');
    await page.getByRole('button', { name: 'Add user' }).click();
    await dialog(page).getByRole('radio', { name: 'Type one' }).check();
    await clean(page, 'add');
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto('/users');
    await page.locator('.card').first().waitFor();
    await clean(page, 'cards');
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  });
}
