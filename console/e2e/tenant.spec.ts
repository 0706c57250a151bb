import AxeBuilder from '@axe-core/playwright';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { expect, makeRun, signIn, test, users } from './fixtures';
import { folder } from './place';

/** Changes the tenant as the operator does, beside the running service. */
function edit(...args: string[]) {
  execFileSync(fileURLToPath(new URL('../../bin/cdds', import.meta.url)), ['tenant', 'edit', users().tenant, '--data', folder, ...args]);
}

const unlimited = ['--source-name', 'default', '--max-runs', '0', '--max-storage', '0', '--retention-days', '0'];

test.beforeEach(() => edit(...unlimited));
test.afterAll(() => edit(...unlimited));

const fact = (page: Page, name: string) => page.getByText(name, { exact: true }).locator('xpath=following-sibling::dd[1]');

test('an administrator finds it by keyboard and reads what the tenant may use', async ({ page }) => {
  await signIn(page);
  await makeRun(page.request, 'Contacts that take storage');
  await page.goto('/jobs');
  const link = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Tenant', exact: true });
  await link.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Tenant', level: 1 })).toBeFocused();
  await expect(fact(page, 'Name')).toHaveText(users().tenant);
  await expect(fact(page, 'Number in Contact History')).toHaveText('101');
  await expect(fact(page, 'State of the source')).toHaveText('Answers');
  await expect(fact(page, 'Storage')).toContainText('no limit');
  await expect(fact(page, 'Retention')).toContainText('30 days');
  await expect(page.getByRole('meter')).toHaveCount(0);

  edit('--max-runs', '4', '--max-storage', '1MiB', '--retention-days', '9');
  await page.reload();
  await expect(page.getByRole('meter', { name: 'Runs in progress' })).toHaveAttribute('aria-valuetext', /^\d of 4$/);
  await expect(page.getByRole('meter', { name: 'Storage used' })).toHaveAttribute('aria-valuetext', /of 1\.0 MiB$/);
  await expect(fact(page, 'Retention')).toContainText('9 days');
  // It is there to be read: nothing on the page changes anything.
  await expect(page.locator('main').getByRole('button')).toHaveCount(0);
  await expect(page.locator('main').getByRole('textbox')).toHaveCount(0);
});

test('a source that is not among the settings is named, and why', async ({ page }) => {
  edit('--source-name', 'acme-history');
  await signIn(page);
  await page.goto('/tenant');
  await expect(fact(page, 'Source')).toHaveText('acme-history');
  await expect(fact(page, 'State of the source')).toHaveText('Does not answer');
  await expect(page.getByRole('alert')).toContainText('no source named "acme-history"');
  edit('--source-name', 'default');
  await expect(fact(page, 'State of the source')).toHaveText('Answers'); // without a reload
});

for (const username of ['erin', 'vera']) {
  test(`${username}, who is no administrator, does not see it`, async ({ page }) => {
    await signIn(page, username);
    await page.goto('/history');
    const menu = page.getByRole('navigation', { name: 'Main' }); // runs in the list may have these words in their titles
    await expect(menu.getByRole('link', { name: 'History', exact: true })).toBeVisible();
    await expect(menu.getByRole('link', { name: 'Tenant', exact: true })).toHaveCount(0);
    await page.goto('/tenant');
    await expect(page.getByRole('alert')).toContainText('does not allow this');
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on it, ${colorScheme}`, async ({ page }) => {
    edit('--max-runs', '4', '--max-storage', '1GiB', '--source-name', 'acme-history');
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await signIn(page);
    await page.goto('/tenant');
    await expect(page.getByRole('meter')).toHaveCount(2);
    const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
    expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join('; ')}`)).toEqual([]);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/tenant-${colorScheme}.png` });
  });
}
