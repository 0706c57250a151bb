import AxeBuilder from '@axe-core/playwright';
import { gzipSync } from 'node:zlib';
import { mkdirSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, makeJob, makeRun, signIn, test } from './fixtures';

/** Every page, as it is looked at: all of them in both themes by axe, and as pictures for the documentation. */
const pages: { name: string; path: string; ready: (page: Page) => Promise<unknown> }[] = [
  { name: 'overview', path: '/', ready: async (page) => { await page.locator('.recharts-surface').first().waitFor(); await page.waitForTimeout(300); } },
  { name: 'jobs', path: '/jobs?q=Nightly', ready: (page) => page.getByRole('table', { name: 'jobs' }).waitFor() },
  { name: 'jobs-empty', path: '/jobs?q=nothing-has-this-name', ready: (page) => page.getByText('No job matches').waitFor() },
  { name: 'editor', path: '/jobs/new', ready: (page) => page.getByText('Records in it now').waitFor() },
  { name: 'history', path: '/history?q=Nightly', ready: (page) => page.getByRole('table', { name: 'runs' }).waitFor() },
  { name: 'artifacts', path: '/artifacts?q=Nightly', ready: (page) => page.getByRole('table', { name: 'artifacts' }).waitFor() },
  { name: 'preferences', path: '/preferences', ready: (page) => page.getByText('SHA-256 fingerprint').waitFor() },
];

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

async function clean(page: Page, where: string) {
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  expect(violations.map((v) => `${where}: ${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join('; ')}`)).toEqual([]);
}

async function picture(page: Page, name: string) {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png` });
}

test.beforeEach(async ({ page }) => signIn(page));

test('something to look at', async ({ page }) => {
  test.setTimeout(120_000);
  for (const title of ['Nightly contacts', 'Nightly contacts of the archive']) await makeRun(page.request, title);
  await makeRun(page.request, 'Nightly emails', { type: 'interaction', mediaTypes: ['email'], splitSize: 4 * 2 ** 20 });
  await makeJob(page.request, 'Nightly chat transcripts', { schedule: { kind: 'daily', every: 1, at: '02:00' }, timeframe: { kind: 'day' }, mediaTypes: ['chat'] });
  await makeJob(page.request, 'Nightly feed of changes', { schedule: { kind: 'hourly', every: 4 }, timeframe: { kind: 'sinceLast', by: 'modifiedDate' } });
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const { name, path, ready } of pages) {
    test(`axe finds nothing on ${name}, ${colorScheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.goto(path);
      await ready(page);
      await clean(page, name);
      await picture(page, `${name}-${colorScheme}`);
    });
  }

  test(`axe finds nothing on the sign-in, dialogs, menus and details, ${colorScheme}`, async ({ page }) => {
    test.setTimeout(120_000);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto('/jobs?q=Nightly');
    await page.getByRole('checkbox', { name: 'Select all jobs of this page' }).check();
    await clean(page, 'selection');
    await page.getByRole('button', { name: /Filter by type/ }).click();
    await clean(page, 'filter');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /user menu/ }).click();
    await clean(page, 'menu');
    await page.keyboard.press('Escape');
    await page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).click();
    await clean(page, 'dialog');
    await page.goto('/history?q=Nightly');
    await page.getByRole('button', { name: 'Nightly contacts', exact: true }).click();
    await page.getByRole('table', { name: 'Files of the run' }).waitFor();
    await clean(page, 'details');
    await picture(page, `details-${colorScheme}`);
    await page.goto('/jobs/new');
    await page.getByRole('button', { name: 'Advanced' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Enter a title.').waitFor();
    await clean(page, 'errors');
    await page.context().clearCookies();
    await page.goto('/sign-in');
    await page.getByLabel('Username').waitFor();
    await clean(page, 'sign-in');
    await picture(page, `sign-in-${colorScheme}`);
  });
}

test('a running job, in both themes', async ({ page }) => {
  await makeJob(page.request, 'Nightly export of everything', { schedule: { kind: 'once' }, timeframe: { kind: 'all' } });
  await page.goto('/jobs?q=Nightly');
  const bar = page.getByRole('progressbar');
  await expect.poll(async () => Number(await bar.getAttribute('aria-valuenow'))).toBeGreaterThan(10);
  await bar.hover();
  await expect(page.getByRole('tooltip')).toBeVisible();
  await clean(page, 'running, light');
  await picture(page, 'running-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'running-dark');
});

test('the first load of Jobs is small; charts and date pickers come when they are needed', async ({ page }) => {
  const loaded: { name: string; bytes: number }[] = [];
  page.on('response', async (r) => {
    const { pathname } = new URL(r.url());
    // The event stream has no end to wait for.
    if (!pathname.startsWith('/api/v1/events')) loaded.push({ name: pathname, bytes: await r.request().sizes().then((s) => s.responseBodySize + s.responseHeadersSize) });
  });
  await page.goto('/jobs?q=Nightly');
  await page.getByRole('table', { name: 'jobs' }).waitFor();
  await page.waitForTimeout(1000);
  const total = loaded.reduce((sum, l) => sum + l.bytes, 0);
  console.log(`first load of Jobs: ${loaded.length} answers, ${(total / 1000).toFixed(1)} kB as transferred`);
  expect(loaded.some((l) => l.name.endsWith('.js'))).toBe(true);
  expect(total).toBeLessThan(350_000);
  const names = () => loaded.map((l) => l.name).join(' ');
  expect(names()).not.toMatch(/Charts/);
  await page.goto('/');
  await page.locator('.recharts-surface').first().waitFor();
  expect(names()).toMatch(/Charts/);
  const answer = await page.request.get('/', { headers: { 'Accept-Encoding': 'gzip' } });
  expect(gzipSync(await answer.body()).length).toBeLessThan(5_000);
});

test('on a phone lists are cards, and no page scrolls sideways', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const { path, ready, name } of pages) {
    await page.goto(path);
    await (path.includes('?q=Nightly') ? page.locator('.card').first().waitFor() : ready(page));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wide, name).toBeLessThanOrEqual(0);
    await picture(page, `phone-${name}`);
  }
  await page.goto('/jobs?q=Nightly');
  await page.getByRole('button', { name: 'Navigation' }).click();
  await page.getByRole('link', { name: 'History' }).click();
  await expect(page.getByRole('heading', { name: 'History' })).toBeVisible();
  await page.locator('.card').first().waitFor();
  await clean(page, 'cards');
});

test('the overview answers on sight', async ({ page }) => {
  await page.goto('/');
  await expect(page.locator('dl')).toContainText('Storage used');
  await expect(page.getByRole('region', { name: 'Running next' })).toContainText('UTC');
  const table = page.getByRole('table', { name: /^Exported volume per UTC day/ });
  await expect(table.getByRole('row')).toHaveCount(31);
  await page.getByText('7 days').click();
  await expect(table.getByRole('row')).toHaveCount(8);
  await expect(table.getByRole('row').last()).not.toContainText('0 bytes');
});
