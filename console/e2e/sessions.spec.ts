import { request as requests, type Browser, type BrowserContext, type Page } from '@playwright/test';
import { clean } from './axe';
import { expect, row, signIn, test, users } from './fixtures';
import { press, tabTo } from './keys';
import { url } from './place';

const section = (page: Page, name: string) => page.getByRole('group', { name, exact: true });

/** A status of the API for whoever sends these headers and no cookie. */
async function status(path: string, token: string): Promise<number> {
  const alone = await requests.newContext({ baseURL: url, extraHTTPHeaders: { Authorization: `Bearer ${token}` } });
  const answer = await alone.get(path);
  await alone.dispose();
  return answer.status();
}

/** Signs in by the page, as people do. */
async function enter(page: Page, username: string, remember: boolean) {
  await page.goto('/sign-in');
  await page.getByLabel('Username').fill(username);
  if (remember) await page.getByLabel('Remember me').check();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('textbox', { name: 'Password' }).fill(users().others);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('button', { name: /user menu/ })).toBeVisible();
}

/** The browser after a restart: what it kept only while it was open is gone. */
async function restarted(browser: Browser, context: BrowserContext): Promise<BrowserContext> {
  const { cookies, origins } = await context.storageState();
  await context.close();
  return browser.newContext({ storageState: { cookies: cookies.filter((c) => c.expires > 0), origins } });
}

test.describe('API tokens', () => {
  test.beforeEach(async ({ page }) => {
    await signIn(page, 'erin');
    const list = (await (await page.request.get('/api/v1/me/tokens')).json()) as { items: { id: string }[] };
    for (const { id } of list.items) await page.request.delete(`/api/v1/me/tokens/${id}`);
    await page.goto('/preferences');
  });

  test('are made, shown once, used and revoked', async ({ page }) => {
    const part = section(page, 'API tokens');
    await expect(part.getByText('No token yet.')).toBeVisible();
    await part.getByRole('button', { name: 'Create a token' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog.getByLabel('Name')).toBeFocused();
    await expect(dialog.getByRole('checkbox', { name: 'Administer' })).toBeDisabled();
    await dialog.getByRole('checkbox', { name: 'Read' }).uncheck();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await expect(dialog.getByText('Enter a name.')).toBeVisible();
    await expect(dialog.getByText('Choose at least one scope.')).toBeVisible();
    await expect(dialog.getByLabel('Name')).toBeFocused();
    await expect(dialog.getByLabel('Name')).toHaveAttribute('aria-invalid', 'true');
    await clean(page, 'token form with errors');

    await dialog.getByLabel('Name').fill('Warehouse');
    await dialog.getByRole('checkbox', { name: 'Read' }).check();
    await dialog.getByRole('button', { name: 'Create' }).click();
    const shown = (name: string) => dialog.getByRole('group', { name, exact: true }).locator('pre');
    const secret = await shown('Token').innerText();
    expect(secret).toMatch(/^cdds_[\w-]{43}$/);
    await expect(shown('A first call')).toContainText(`$CDDS_TOKEN" ${url}/api/v1/runs`);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await dialog.getByRole('button', { name: 'Copy: Token' }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
    await clean(page, 'the secret');
    await page.keyboard.press('Escape');
    await expect(shown('Token')).toBeVisible();
    expect(await status('/api/v1/runs', secret)).toBe(200);
    expect(await status('/api/v1/me/tokens', secret)).toBe(403);
    await dialog.getByRole('button', { name: 'Done' }).click();
    await expect(dialog).toHaveCount(0);
    expect(await page.content()).not.toContain(secret);

    await page.reload();
    await expect(row(page, 'Warehouse')).toContainText('Read');
    await expect(row(page, 'Warehouse')).not.toContainText('Never');
    await part.getByRole('button', { name: 'Create a token' }).click();
    await dialog.getByLabel('Name').fill('Warehouse');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await expect(dialog.getByRole('alert')).toContainText('You have a token of this name.');
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    await part.getByRole('button', { name: 'Revoke Warehouse' }).click();
    await expect(dialog).toContainText('refused from now on');
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await expect(part.getByText('No token yet.')).toBeVisible();
    expect(await status('/api/v1/runs', secret)).toBe(401);
  });

  test('by keyboard alone', async ({ page }) => {
    await press(page, page.getByRole('button', { name: 'Create a token' }));
    await expect(page.getByLabel('Name')).toBeFocused();
    await page.keyboard.type('Keyed');
    await press(page, page.getByRole('checkbox', { name: 'Download' }), 'Space');
    await page.keyboard.press('Enter');
    const done = page.getByRole('button', { name: 'Done' });
    await press(page, done);
    await expect(row(page, 'Keyed')).toContainText('Read, Download');
    await expect(page.getByRole('button', { name: 'Create a token' })).toBeFocused();
    await tabTo(page, page.getByRole('button', { name: 'Revoke Keyed' }), true);
    await page.keyboard.press('Enter');
    await press(page, page.getByRole('dialog').getByRole('button', { name: 'Revoke' }));
    await expect(page.getByText('No token yet.')).toBeVisible();
  });

  test('say when they cannot be shown', async ({ page }) => {
    await page.route('**/api/v1/me/tokens', (route) => route.abort());
    await page.reload();
    await expect(section(page, 'API tokens').getByRole('alert')).toContainText('No connection');
    await page.unroute('**/api/v1/me/tokens');
    await section(page, 'API tokens').getByRole('button', { name: 'Try again' }).click();
    await expect(page.getByText('No token yet.')).toBeVisible();
  });
});

test.describe('Sessions', () => {
  test('are listed and ended, one and all', async ({ page, browser }) => {
    await signIn(page, 'vera');
    await page.request.delete('/api/v1/sessions');
    await page.goto('/history');
    await page.getByRole('button', { name: /user menu/ }).click();
    await page.getByRole('menuitem', { name: 'User preferences' }).click();
    const part = section(page, 'Sessions');
    await expect(part.getByRole('row')).toHaveCount(2);
    await expect(part.getByRole('row').nth(1)).toContainText(/Chrome \d+ on Linux.*127\.0\.0\.1.*This browser/s);
    const everywhere = part.getByRole('button', { name: 'Sign out everywhere else' });
    await everywhere.hover();
    await expect(page.getByRole('tooltip')).toContainText('you are signed in nowhere else');

    const contexts = [await browser.newContext(), await browser.newContext(), await browser.newContext()];
    const pages = await Promise.all(contexts.map((context) => context.newPage()));
    for (const [i, other] of pages.entries()) await enter(other, 'vera', i === 0);
    await page.reload();
    await expect(part.getByRole('row')).toHaveCount(5);
    await expect(part.getByRole('row').filter({ hasText: 'Remembered' })).toHaveCount(1);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await clean(page, `sessions, ${colorScheme}`);
    }
    await part.getByRole('row').filter({ hasText: 'Remembered' }).getByRole('button', { name: /^Sign out Chrome/ }).click();
    await expect(page.getByRole('dialog')).toContainText('not remembered any more');
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
    await expect(part.getByRole('row')).toHaveCount(4);
    await pages[0]!.reload();
    await expect(pages[0]!.getByLabel('Username')).toBeVisible();

    await tabTo(page, everywhere);
    await page.keyboard.press('Enter');
    await press(page, page.getByRole('dialog').getByRole('button', { name: 'Sign out' }));
    await expect(page.getByText('You are signed out at 2 other places.')).toBeVisible();
    await expect(part.getByRole('row')).toHaveCount(2);
    for (const other of pages.slice(1)) {
      await other.reload();
      await expect(other.getByLabel('Username')).toBeVisible();
    }
    await Promise.all(contexts.map((context) => context.close()));
  });

  test('a remembered browser signs in by itself after a restart, until it is signed out', async ({ browser }) => {
    let context = await browser.newContext();
    await enter(await context.newPage(), 'carol', true);
    for (let i = 0; i < 2; i++) {
      context = await restarted(browser, context);
      const page = await context.newPage();
      await page.goto('/jobs');
      await expect(page.getByRole('heading', { name: 'Jobs', exact: true })).toBeVisible();
      await page.goto('/preferences');
      await expect(section(page, 'Sessions').getByRole('row').filter({ hasText: 'This browser' })).toContainText('Remembered');
    }
    const page = context.pages()[0]!;
    const { cookies } = await context.storageState();
    await page.getByRole('button', { name: /user menu/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await expect(page.getByLabel('Username')).toHaveValue('carol');
    expect((await context.cookies()).map((c) => c.name)).toEqual([]);
    await context.addCookies(cookies); // as if somebody had kept them
    await page.goto('/jobs');
    await expect(page.getByLabel('Username')).toBeVisible();
    await context.close();
  });

  test('one that is not remembered asks for the password after a restart', async ({ browser }) => {
    let context = await browser.newContext();
    await enter(await context.newPage(), 'carol', false);
    context = await restarted(browser, context);
    const page = await context.newPage();
    await page.goto('/jobs');
    await expect(page.getByLabel('Username')).toBeVisible();
    await context.close();
  });

  test('a page whose session ends goes on by itself in a remembered browser', async ({ browser }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await enter(page, 'erin', true);
    await page.goto('/');
    await page.locator('.recharts-surface').nth(2).waitFor();
    const before = (await context.cookies()).find((c) => c.name === 'cdds_session')!;
    await context.clearCookies({ name: 'cdds_session' });
    await page.reload(); // several requests, side by side
    await page.locator('.recharts-surface').nth(2).waitFor();
    await page.getByRole('link', { name: 'History', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'History', exact: true })).toBeVisible();
    expect((await context.cookies()).find((c) => c.name === 'cdds_session')!.value).not.toBe(before.value);
    await context.close();
  });
});
