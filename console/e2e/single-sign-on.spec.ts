import AxeBuilder from '@axe-core/playwright';
import type { ChildProcess } from 'node:child_process';
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures';
import { providerUrl, serviceLog, serviceUrl, startProvider, startService, type Admin } from './provider';
import { stop } from './program';

/** Single sign-on, from the button to the provider's own form and back, against a real provider. */
test.describe.configure({ mode: 'serial' });
test.use({ baseURL: serviceUrl });

let provider: ChildProcess | undefined;
let service: ChildProcess | undefined;
let admin: Admin;

test.beforeAll(async () => {
  test.setTimeout(600_000); // The first time the provider's program is built.
  ({ service, admin } = await startService());
});
test.afterAll(async () => {
  await stop(service);
  await stop(provider);
});

const button = (page: Page) => page.getByRole('button', { name: 'Sign in with Example' });
const heading = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 });

/** Fills in the provider's form. */
async function atProvider(page: Page, username: string, password = 'verysecure') {
  await page.waitForURL(`${providerUrl}/login/**`);
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Login' }).click();
}

async function signOut(page: Page) {
  await page.getByRole('button', { name: /user menu/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
}

async function clean(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.failureSummary).join('; ')}`)).toEqual([]);
}

test('while the provider is down, the button says so and passwords work', async ({ page }) => {
  await page.goto('/history');
  await button(page).click();
  await expect(page.getByRole('alert')).toHaveText(/The identity provider cannot be reached\. .*password/);
  await clean(page);
  await page.getByLabel('Username').fill(admin.username);
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(button(page)).toHaveCount(0);
  await page.getByRole('textbox', { name: 'Password' }).fill(admin.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(heading(page, 'History')).toBeVisible();
  await signOut(page);
  await expect(button(page)).toBeVisible();
  await expect(page.getByText('Sign out of Example too')).toHaveCount(0);
});

test('signs in at the provider, comes back to the page that was asked for, and signs out of both', async ({ page, context }) => {
  provider = await startProvider();
  await page.goto('/history?state=failed');
  await expect(page).toHaveURL(/sign-in/);
  await button(page).click();
  await atProvider(page, 'alma', 'wrong');
  await expect(page.getByText('username or password wrong')).toBeVisible();
  await atProvider(page, 'alma');
  await expect(page).toHaveURL(`${serviceUrl}/history?state=failed`);
  await expect(heading(page, 'History')).toBeVisible();
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await expect(heading(page, 'Jobs')).toBeVisible();
  const cookies = await context.cookies(serviceUrl);
  expect(cookies.map(({ name, expires, httpOnly, sameSite }) => ({ name, expires, httpOnly, sameSite }))).toEqual([{ name: 'cdds_session', expires: -1, httpOnly: true, sameSite: 'Lax' }]);

  await signOut(page);
  await expect(page.getByText('You are signed out of CDDS. At Example you may still be signed in.')).toBeVisible();
  await clean(page);
  await page.getByRole('link', { name: 'Sign out of Example too' }).click();
  await expect(page.getByText('signed out successfully')).toBeVisible();
  await page.goto('/jobs');
  await expect(page).toHaveURL(/sign-in/);
});

test('gives the role of the group: a viewer sees History only, a visitor gets Access Denied', async ({ page, context }) => {
  await page.goto('/sign-in');
  await button(page).focus();
  await page.keyboard.press('Enter');
  await atProvider(page, 'vito');
  await expect(page).toHaveURL(`${serviceUrl}/history`);
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link')).toHaveText(['Overview', 'History']);
  await context.clearCookies();
  await page.goto('/sign-in');
  await button(page).click();
  await atProvider(page, 'gina');
  await expect(heading(page, 'Access Denied')).toBeVisible();
  await page.getByRole('button', { name: 'Sign in as another user' }).click();
  await expect(page.getByRole('link', { name: 'Sign out of Example too' })).toBeVisible();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`refuses a local user's name and says why, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto('/history');
    await button(page).click();
    await atProvider(page, 'admin');
    await expect(page).toHaveURL(/sign-in\?.*refused=name/);
    await expect(page.getByRole('alert')).toHaveText(/another user of your name, who does not sign in this way\. Ask an administrator/);
    await clean(page);
    // The page that was asked for is not forgotten.
    await button(page).click();
    await atProvider(page, 'alma');
    await expect(page).toHaveURL(`${serviceUrl}/history`);
  });
}

test('shows no words of a stranger, and takes no answer that this browser did not ask for', async ({ page }) => {
  await page.goto('/sign-in?refused=Call%20555-0100');
  await expect(button(page)).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(page.getByText('555-0100')).toHaveCount(0);
  await page.goto('/api/v1/oidc/callback?code=invented&state=invented');
  await expect(page.getByRole('alert')).toHaveText(/not begun in this browser/);
  expect(serviceLog()).not.toContain('a secret of the tests');
});
