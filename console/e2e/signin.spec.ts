import { expect, signIn, test, users } from './fixtures';
import type { Page } from '@playwright/test';

async function enter(page: Page, username: string, password: string, tenant = '') {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Tenant').fill(tenant);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('signs in, and comes back to the page that was asked for', async ({ page }) => {
  await page.goto('/history?state=failed');
  await expect(page).toHaveURL(/sign-in/);
  await enter(page, users().username, users().password, users().tenant);
  await expect(page).toHaveURL(/history\?state=failed/);
  await expect(page.getByRole('heading', { name: 'History', exact: true })).toBeVisible();
  await page.getByRole('button', { name: /user menu/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByLabel('Username')).toBeVisible();
  await page.goto('/jobs');
  await expect(page).toHaveURL(/sign-in/);
});

test('refuses an unknown user and a wrong password alike, and says what is missing', async ({ page }) => {
  await page.goto('/sign-in');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByText('Enter your username.')).toBeVisible();
  await enter(page, users().username, 'wrong');
  const refusal = await page.getByRole('alert').innerText();
  await page.getByRole('button', { name: 'Change' }).click();
  await enter(page, 'nobody', 'wrong');
  await expect(page.getByRole('alert')).toHaveText(refusal);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('Enter your password.')).toBeVisible();
});

test('remembers the names, never the password', async ({ page }) => {
  await page.goto('/sign-in');
  await page.getByLabel('Remember me').check();
  await enter(page, 'erin', users().others, users().tenant);
  await expect(page).toHaveURL(/jobs/);
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('password');
  const cookies = await page.context().cookies();
  expect(cookies.find((c) => c.name === 'cdds_remember')?.expires).toBeGreaterThan(Date.now() / 1000 + 86400);
  expect(cookies.find((c) => c.name === 'cdds_session')?.expires).toBe(-1);
  await page.context().clearCookies();
  await page.goto('/sign-in');
  await expect(page.getByLabel('Username')).toHaveValue('erin');
  await expect(page.getByLabel('Tenant')).toHaveValue(users().tenant);
});

test('a user without a role gets Access Denied', async ({ page }) => {
  await page.goto('/sign-in');
  await enter(page, 'nora', users().others);
  await expect(page.getByRole('heading', { name: 'Access Denied' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Jobs', exact: true })).toHaveCount(0);
});

test('an ended session leads to the sign-in and back', async ({ page }) => {
  await signIn(page);
  await page.goto('/artifacts?sort=-size');
  await expect(page.getByRole('heading', { name: 'Artifacts', exact: true })).toBeVisible();
  await page.context().clearCookies();
  await page.getByRole('searchbox').fill('anything');
  await expect(page.getByText('Your session has ended')).toBeVisible();
  await enter(page, users().username, users().password);
  await expect(page).toHaveURL(/artifacts\?.*sort=-size/);
});

test('a viewer sees History only', async ({ page }) => {
  await page.goto('/sign-in');
  await enter(page, 'vera', users().others);
  await expect(page).toHaveURL(/history/);
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  const main = page.getByRole('navigation', { name: 'Main' });
  await expect(main.getByRole('link')).toHaveText(['Overview', 'History']);
  await page.goto('/artifacts');
  await expect(page.getByText('Your role does not show artifacts')).toBeVisible();
  await page.goto('/jobs');
  await expect(page.getByText('Your role does not show jobs')).toBeVisible();
  await page.goto('/jobs/new');
  await expect(page.getByText('This needs an administrator')).toBeVisible();
});
