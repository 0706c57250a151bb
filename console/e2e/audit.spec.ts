import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { expect, makeJob, row, signIn, test, users } from './fixtures';

const lines = (page: Page) => page.locator('tbody tr');

async function clean(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([]);
}

test('shows who did what, newest first, with all details', async ({ page }) => {
  await signIn(page);
  const job = await makeJob(page.request, 'Audited job');
  await page.goto('/audit');
  await expect(page.getByRole('link', { name: 'Audit', exact: true })).toHaveAttribute('aria-current', 'page');
  for (const name of ['Time (UTC)', 'User', 'Action', 'Result', 'Object', 'Detail', 'From']) {
    await expect(page.getByRole('columnheader', { name: new RegExp(`^${name.replace(/[()]/g, '\\$&')}`) })).toBeVisible();
  }
  const line = lines(page).filter({ hasText: 'Create job' }).first();
  await expect(line).toContainText(users().username);
  await expect(line).toContainText('Done');
  await line.getByRole('button', { name: 'Create job' }).click();
  const details = page.getByRole('dialog', { name: 'Audit line' });
  await expect(details).toContainText('job.create');
  await expect(details).toContainText(job.id);
  await expect(details.locator('code')).toHaveText(/^[0-9a-f]{64}$/);
  await details.getByRole('button', { name: 'Only this object' }).click();
  await expect(page).toHaveURL(new RegExp(`q=${job.id}`));
  await expect(lines(page)).toHaveCount(1);
});

test('finds a refused attempt by user, result, action and day', async ({ page }) => {
  await signIn(page, 'vera');
  expect((await page.request.delete('/api/v1/jobs/019af0c2-1111-7222-8333-944449f2c0de')).status()).toBe(403);
  await signIn(page);
  await page.goto('/audit?user=vera');
  // It is written a second later; the page asks by itself.
  await expect(lines(page).filter({ hasText: 'Refused' }).first()).toBeVisible();
  await page.getByRole('button', { name: 'Filter by result: all' }).click();
  await page.getByRole('checkbox', { name: 'Refused' }).check();
  await expect(page).toHaveURL(/result=refused/);
  await page.keyboard.press('Escape');
  await page.getByRole('combobox', { name: 'Action' }).click();
  await page.getByRole('option', { name: 'Delete job' }).click();
  await expect(page).toHaveURL(/action=job.delete/);
  await expect(lines(page).first()).toContainText('Not allowed');
  await page.getByRole('textbox', { name: 'To day (UTC)' }).fill('2020-01-01');
  await page.keyboard.press('Tab');
  await expect(page.getByText('No line matches')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(lines(page).first()).toBeVisible();
  await page.goto('/audit?user=vera');
  await page.getByRole('button', { name: 'Show the lines of all users' }).click();
  await expect(page).not.toHaveURL(/user=/);
});

test('sorts, turns pages, and searches by text', async ({ page }) => {
  await signIn(page);
  for (let i = 0; i < 30; i++) await makeJob(page.request, `Audited page ${i}`);
  await page.goto('/audit');
  await expect(lines(page)).toHaveCount(25);
  const rows = page.getByRole('status', { name: 'Rows of audit lines on show' });
  await expect(rows).toContainText('1–25');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(rows).toContainText('26–');
  await page.getByRole('button', { name: 'First' }).click();
  await page.getByRole('columnheader', { name: /^Time/ }).getByRole('button').click();
  await expect(page).toHaveURL(/sort=at/);
  await expect(lines(page).first()).toContainText('Create tenant');
  await page.getByRole('searchbox').fill('no line has this');
  await expect(page.getByText('No line matches')).toBeVisible();
});

test('exports what is on show, and the log says so', async ({ page }) => {
  await signIn(page);
  await makeJob(page.request, 'Exported line');
  await page.goto('/audit?action=job.create');
  for (const [item, head] of [['As a table (CSV)', /^number,at,username/], ['As JSON Lines, with all hashes', /^\{"number":\d+/]] as const) {
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: item }).click();
    const text = readFileSync(await (await download).path(), 'utf8');
    expect(text).toMatch(head);
    expect(text).toContain('job.create');
    expect(text).not.toContain('session.create');
  }
  await page.goto('/audit?action=audit.export');
  await expect(lines(page).first()).toContainText('action job.create');
});

test('is for administrators alone', async ({ page }) => {
  await signIn(page, 'erin');
  await page.goto('/audit');
  await expect(page.getByText('Your role does not show the audit log')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Audit', exact: true })).toHaveCount(0);
});

test('goes by keyboard alone', async ({ page }) => {
  await signIn(page);
  await makeJob(page.request, 'Keyed line');
  await page.goto('/audit');
  await expect(page.getByRole('heading', { name: 'Audit' })).toBeFocused();
  const first = row(page, 'Create job').first().getByRole('button');
  await expect(first).toBeVisible();
  for (let i = 0; i < 60 && !(await first.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const details = page.getByRole('dialog', { name: 'Audit line' });
  await expect(details).toContainText('job.create');
  await page.keyboard.press('Escape');
  await expect(details).toHaveCount(0);
  await expect(first).toBeFocused();
});

// Equal attempts within a minute become one line, which is written when it is over; these two differ.
for (const [colorScheme, list] of [['light', 'runs'], ['dark', 'artifacts']] as const) {
  test(`axe finds nothing, ${colorScheme}`, async ({ page }) => {
    await signIn(page, 'vera');
    await page.request.delete(`/api/v1/${list}/019af0c2-1111-7222-8333-944449f2c0de`);
    await signIn(page);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto('/audit');
    await expect(lines(page).filter({ hasText: 'Refused' }).first()).toBeVisible();
    await clean(page);
    if (process.env.AUDIT_PICTURES) await page.screenshot({ path: `${process.env.AUDIT_PICTURES}/audit-${colorScheme}.png` });
    await lines(page).first().getByRole('button').click();
    await expect(page.getByRole('dialog', { name: 'Audit line' })).toBeVisible();
    await clean(page);
    if (process.env.AUDIT_PICTURES) await page.screenshot({ path: `${process.env.AUDIT_PICTURES}/audit-line-${colorScheme}.png` });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto('/audit');
    await expect(page.getByRole('region', { name: 'audit lines' }).or(page.locator('.cards'))).toBeVisible();
    await clean(page);
    if (process.env.AUDIT_PICTURES) await page.screenshot({ path: `${process.env.AUDIT_PICTURES}/audit-phone-${colorScheme}.png` });
  });
}
