import { gzipSync } from 'node:zlib';
import { mkdirSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { clean } from './axe';
import { aCluster } from './cluster';
import { expect, makeJob, makeRun, signIn, test } from './fixtures';

/**
 * Every page, as it is looked at: all of them in both themes by axe, and as
 * pictures for the documentation ("make screenshots"). Those are taken of a
 * service that holds nothing else, so they need no filter.
 */
const folder = process.env.SCREENSHOTS;
const ours = folder ? '' : '?q=Acme';
const pages: { name: string; path: string; ready: (page: Page) => Promise<unknown>; pictured?: boolean }[] = [
  { name: 'overview', path: '/', ready: (page) => page.locator('.recharts-surface').nth(2).waitFor(), pictured: true },
  { name: 'jobs', path: `/jobs${ours}`, ready: (page) => page.getByRole('table', { name: 'jobs' }).waitFor() },
  { name: 'jobs-empty', path: '/jobs?q=nothing-has-this-name', ready: (page) => page.getByText('No job matches').waitFor() },
  { name: 'editor', path: '/jobs/new', ready: (page) => page.getByText('Records in it now').waitFor(), pictured: true },
  { name: 'audit', path: '/audit', ready: (page) => page.getByRole('table', { name: 'audit lines' }).waitFor(), pictured: true },
  { name: 'history', path: `/history${ours}`, ready: (page) => page.getByRole('table', { name: 'runs' }).waitFor(), pictured: true },
  { name: 'artifacts', path: `/artifacts${ours}`, ready: (page) => page.getByRole('table', { name: 'artifacts' }).waitFor(), pictured: true },
  { name: 'users', path: '/users', ready: (page) => page.getByRole('table', { name: 'users' }).waitFor(), pictured: true },
  { name: 'recipients', path: '/recipients', ready: (page) => page.getByRole('heading', { name: 'Recipients', level: 1 }).waitFor() },
  { name: 'tenant', path: '/tenant', ready: (page) => page.getByText('Answers', { exact: true }).waitFor(), pictured: true },
  { name: 'nodes', path: '/nodes', ready: (page) => page.getByRole('table', { name: 'nodes' }).waitFor(), pictured: true },
  { name: 'preferences', path: '/preferences', ready: (page) => page.getByText('SHA-256 fingerprint').waitFor(), pictured: true },
];

async function picture(page: Page, name: string) {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png` });
}

/** A month of figures for the charts: a service that has just been made has one day of them. */
async function aMonth(page: Page) {
  await page.route('**/api/v1/overview?*', async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { days: { day: string }[] };
    body.days = body.days.map(({ day }, i) => {
      const weekend = [0, 6].includes(new Date(day).getUTCDay());
      const finished = weekend ? 6 : 22 + (i * 7) % 5;
      return {
        day, finished, failed: [4, 5, 17].includes(i) ? 2 : 0, canceled: 0, records: finished * 41_250, bytes: finished * (310 + (i * 13) % 90) * 2 ** 20,
        medianSeconds: (weekend ? 35 : 52) + (i * 11) % 9, p95Seconds: (weekend ? 95 : 140) + (i * 37) % 61 + (i === 17 ? 160 : 0),
      };
    });
    await route.fulfill({ json: body });
  });
}

test.beforeEach(async ({ page }) => signIn(page));

test('something to look at', async ({ page }) => {
  const { request } = page;
  const mail = { type: 'interaction', mediaTypes: ['email'] };
  await makeRun(request, 'Acme contacts of the archive');
  await makeRun(request, 'Acme before the first call', { timeframe: { kind: 'fixed', start: '1990-01-01T00:00:00Z', end: '1990-01-02T00:00:00Z' } });
  await makeRun(request, 'Acme e-mails in parts', { ...mail, splitSize: 4 * 2 ** 20 });
  for (const [title, change] of [
    ['Acme chat transcripts', { schedule: { kind: 'daily', every: 1, at: '02:00' }, timeframe: { kind: 'day' }, mediaTypes: ['chat'] }],
    ['Acme feed of changes for the warehouse', { schedule: { kind: 'hourly', every: 4 }, timeframe: { kind: 'sinceLast', by: 'modifiedDate' } }],
    ['Acme voice, month by month', { schedule: { kind: 'monthly', day: 1, at: '04:30' }, timeframe: { kind: 'month' }, mediaTypes: ['voice'] }],
    ['Acme contacts of the week', { type: 'contact', schedule: { kind: 'weekly', weekday: 'tuesday', at: '02:00' }, timeframe: { kind: 'week' } }],
  ] as const) await makeJob(request, title, change);
  const paused = await makeJob(request, 'Acme campaign of the spring', { mediaTypes: ['sms', 'whatsapp'], schedule: { kind: 'daily', every: 3, at: '01:15' }, timeframe: { kind: 'day' } });
  expect((await request.post(`/api/v1/jobs/${paused.id}/suspend`)).status()).toBe(200);
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const { name, path, ready, pictured } of pages) {
    test(`axe finds nothing on ${name}, ${colorScheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await aMonth(page);
      await aCluster(page);
      await page.goto(path);
      await ready(page);
      await clean(page, name);
      if (pictured) await picture(page, `${name}-${colorScheme}`);
    });
  }

  test(`axe finds nothing on the sign-in, dialogs, menus and details, ${colorScheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto('/jobs?q=Acme');
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
    await page.goto('/history?q=Acme');
    await page.getByRole('button', { name: 'Acme e-mails in parts', exact: true }).click();
    await page.getByRole('table', { name: 'Files of the run' }).waitFor();
    await clean(page, 'details');
    await picture(page, `details-${colorScheme}`);
    await page.goto('/artifacts?q=Acme');
    await page.getByRole('button', { name: /^How to decrypt/ }).first().click();
    await page.getByRole('dialog').getByText('With OpenSSL').waitFor();
    await clean(page, 'decrypt');
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
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.goto(`/jobs${ours}`);
  await makeJob(page.request, 'Acme export of everything', { schedule: { kind: 'once' }, timeframe: { kind: 'all' } });
  const bar = page.getByRole('progressbar', { name: 'Progress of Acme export of everything' });
  await expect.poll(async () => Number(await bar.getAttribute('aria-valuenow'))).toBeGreaterThan(10);
  await bar.hover();
  await expect(page.getByRole('tooltip')).toContainText('records per second');
  await picture(page, 'jobs-light');
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await picture(page, 'jobs-dark');
  await clean(page, 'running, dark');
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await clean(page, 'running, light');
});

test('the first load of Jobs is small; charts and date pickers come when they are needed', async ({ page }) => {
  const loaded: { name: string; bytes: number }[] = [];
  const counting: Promise<void>[] = [];
  page.on('response', (r) => {
    const { pathname } = new URL(r.url());
    if (pathname.startsWith('/api/v1/events')) return; // the stream has no end to wait for
    counting.push(r.request().sizes().then((s) => { loaded.push({ name: pathname, bytes: s.responseBodySize + s.responseHeadersSize }); }));
  });
  await page.goto('/jobs?q=Acme');
  await page.getByRole('table', { name: 'jobs' }).waitFor();
  await page.evaluate(() => document.fonts.ready);
  await Promise.all(counting);
  const total = loaded.reduce((sum, l) => sum + l.bytes, 0);
  console.log(`first load of Jobs: ${loaded.length} answers, ${(total / 1000).toFixed(1)} kB as transferred`);
  expect(loaded.some((l) => l.name.endsWith('.js'))).toBe(true);
  expect(total).toBeLessThan(350_000);
  const names = () => loaded.map((l) => l.name).join(' ');
  expect(names()).not.toMatch(/Charts/);
  await page.goto('/');
  await page.locator('.recharts-surface').first().waitFor();
  await Promise.all(counting);
  expect(names()).toMatch(/Charts/);
  const answer = await page.request.get('/', { headers: { 'Accept-Encoding': 'gzip' } });
  expect(gzipSync(await answer.body()).length).toBeLessThan(5_000);
});

test('on a phone lists are cards, and no page scrolls sideways', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const { path, ready, name } of pages) {
    await page.goto(path);
    await (/^(jobs|history|artifacts|users|audit|nodes)$/.test(name) ? page.locator('.card').first().waitFor() : ready(page));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wide, name).toBeLessThanOrEqual(0);
  }
  await page.goto('/jobs?q=Acme');
  await page.getByRole('button', { name: 'Navigation' }).click();
  await page.getByRole('link', { name: 'History', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'History', exact: true })).toBeVisible();
  await page.locator('.card').first().waitFor();
  await clean(page, 'cards');
});

test('the same on a phone, as pictures', async ({ page }) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto(`/jobs${ours}`);
    await page.locator('.card').first().waitFor();
    await clean(page, `cards, ${colorScheme}`);
    await picture(page, `phone-${colorScheme}`);
  }
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
