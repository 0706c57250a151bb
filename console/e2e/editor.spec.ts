import { choose, expect, jobBody, makeJob, row, signIn, test, type Body } from './fixtures';
import type { Page } from '@playwright/test';

test.beforeEach(async ({ page }) => signIn(page));

/** Saves the job on show and returns it as the API keeps it. */
async function saved(page: Page, title: string): Promise<{ schedule: Body; timeframe: Body; mediaTypes: string[] | null; splitSize: number | null; settlingMinutes: number; description: string; type: string }> {
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page).toHaveURL(/\/jobs(\?|$)/);
  const list = (await (await page.request.get(`/api/v1/jobs?q=${encodeURIComponent(title)}`)).json()) as { items: never[] };
  expect(list.items).toHaveLength(1);
  return list.items[0]!;
}

async function begin(page: Page, title: string) {
  await page.goto('/jobs');
  await page.getByRole('toolbar').getByRole('link', { name: 'Add new job' }).click();
  await expect(page.getByRole('heading', { name: 'New Contact History Export Job' })).toBeVisible();
  await page.getByLabel('Title').fill(title);
}

async function wall(page: Page, label: string, date: string, time: string) {
  await page.getByLabel(`${label}, date`).fill(date);
  await page.getByLabel(`${label}, time`).fill(time);
}

test('every N hours, for the hour before, in parts, of some media types', async ({ page }) => {
  await begin(page, 'Hourly feed');
  await page.getByLabel('Description').fill('Feeds the warehouse.');
  await page.getByRole('switch', { name: 'Job applies to media types: all' }).click();
  const media = page.getByRole('combobox', { name: 'Media Types' });
  await media.click();
  await page.getByRole('option', { name: 'chat', exact: true }).click();
  await media.fill('fax');
  await media.press('Enter');
  await choose(page, 'Run', 'Hourly');
  await page.getByLabel('Every N hours').fill('4');
  await choose(page, 'Export Timeframe', /^Hour/);
  await choose(page, 'Files', /^Split/);
  await page.getByLabel('File split size').fill('500');
  await choose(page, 'Unit', 'MiB');
  await expect(page.getByText('Next starts')).toBeVisible();
  const starts = page.locator('fieldset', { hasText: 'Preview' }).locator('time');
  await expect(starts).toHaveCount(5);
  await expect(starts.first()).toHaveText(/(00|04|08|12|16|20):00 UTC$/);
  for (const text of await starts.allInnerTexts()) expect(text).toMatch(/(00|04|08|12|16|20):00 UTC$/);
  await expect(page.getByText(/EST|EDT/).first()).toBeVisible();
  await expect(page.getByText('some records are never exported')).toBeVisible();
  const job = await saved(page, 'Hourly feed');
  expect(job).toMatchObject({ schedule: { kind: 'hourly', every: 4 }, timeframe: { kind: 'hour' }, mediaTypes: ['chat', 'fax'], splitSize: 500 * 2 ** 20, description: 'Feeds the warehouse.' });
});

const kinds: [string, (page: Page) => Promise<void>, Body][] = [
  ['daily', async (page) => { await page.getByLabel('Every N days').fill('3'); await page.getByLabel('Start at (HH:MM, UTC)').fill('01:15'); }, { kind: 'daily', every: 3, at: '01:15' }],
  ['weekly', async (page) => { await choose(page, 'Day of week', 'Tuesday'); await page.getByLabel('Start at (HH:MM, UTC)').fill('02:00'); }, { kind: 'weekly', weekday: 'tuesday', at: '02:00' }],
  ['monthly', async (page) => { await page.getByLabel('Day of month').fill('31'); }, { kind: 'monthly', day: 31, at: '02:00' }],
];
for (const [kind, fill, want] of kinds) {
  test(`${kind}: the fields of this kind, and only those`, async ({ page }) => {
    const title = `Runs ${kind}`;
    await begin(page, title);
    await choose(page, 'Run', new RegExp(`^${kind}$`, 'i'));
    await fill(page);
    expect((await saved(page, title)).schedule).toMatchObject(want);
  });
}

const frames: [string, string][] = [['all', 'All data'], ['hour', 'Hour:'], ['day', 'Day:'], ['week', 'Week:'], ['month', 'Month:'], ['sinceLast', 'Since the last']];
test('each time frame', async ({ page }) => {
  for (const [kind, label] of frames) {
    await begin(page, `Frame ${kind}`);
    await choose(page, 'Export Timeframe', new RegExp(`^${label}`));
    expect((await saved(page, `Frame ${kind}`)).timeframe).toMatchObject({ kind });
  }
});

test('a fixed interval, once at a date and time: what is chosen is UTC, whatever the browser', async ({ page }) => {
  await begin(page, 'Fixed interval');
  await choose(page, 'Run', 'Once');
  await page.getByLabel('Start at a date and time').check();
  await wall(page, 'Start at', '2031-03-09', '02:30');
  await choose(page, 'Export Timeframe', 'Fixed interval');
  await wall(page, 'Start', '2026-03-08', '02:30');
  await wall(page, 'End', '2026-03-08', '02:00');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The end must be after the start.')).toBeVisible();
  await wall(page, 'End', '2026-03-09', '00:00');
  const job = await saved(page, 'Fixed interval');
  expect(job.schedule).toEqual({ kind: 'once', startAt: '2031-03-09T02:30:00Z' });
  expect(job.timeframe).toMatchObject({ kind: 'fixed', start: '2026-03-08T02:30:00Z', end: '2026-03-09T00:00:00Z' });
});

test('a date picked with the mouse stays that date in UTC', async ({ page }) => {
  await begin(page, 'Picked date');
  await page.getByLabel('Not before a date and time').check();
  await page.getByLabel('Not before, date').fill('2031-01-15');
  await page.getByLabel('Not before, date').click();
  await page.getByRole('button', { name: '31 January 2031' }).click();
  await page.getByLabel('Not before, time').fill('23:30');
  expect((await saved(page, 'Picked date')).schedule).toMatchObject({ notBefore: '2031-01-31T23:30:00Z' });
});

test('contacts have no media types; Info Mart is listed and cannot be chosen', async ({ page }) => {
  await begin(page, 'Contacts only');
  await choose(page, 'Type', 'Contact');
  await expect(page.getByText('Job applies to media types: all')).toHaveCount(0);
  await page.getByRole('combobox', { name: 'Source' }).click();
  await expect(page.getByRole('option', { name: /Info Mart/ })).toHaveAttribute('data-combobox-disabled', 'true');
  await page.keyboard.press('Escape');
  await expect(page.getByText(/contacts$/)).toBeVisible();
  expect((await saved(page, 'Contacts only')).type).toBe('contact');
});

test('advanced: a time zone and the settling delay', async ({ page }) => {
  await begin(page, 'In Berlin');
  await page.getByRole('button', { name: 'Advanced' }).click();
  const zone = page.getByRole('combobox', { name: 'Time zone' });
  await zone.click();
  await zone.fill('Berlin');
  await page.getByRole('option', { name: 'Europe/Berlin' }).click();
  await page.getByLabel('Settling delay (minutes)').fill('15');
  await expect(page.getByLabel('Start at (HH:MM, Europe/Berlin)')).toBeVisible();
  const job = await saved(page, 'In Berlin');
  expect(job).toMatchObject({ schedule: { timeZone: 'Europe/Berlin' }, settlingMinutes: 15 });
});

test('errors stand at their fields, and the first one gets the focus', async ({ page }) => {
  await page.goto('/jobs/new');
  await page.getByRole('switch', { name: 'Job applies to media types: all' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Enter a title.')).toBeVisible();
  await expect(page.getByText('Choose at least one media type')).toBeVisible();
  const title = page.getByLabel('Title');
  await expect(title).toBeFocused();
  await expect(title).toHaveAttribute('aria-invalid', 'true');
});

test('an error of the service stands at its field too, and nothing typed is lost', async ({ page }) => {
  await begin(page, 'Refused by the service');
  await choose(page, 'Run', 'Once');
  await page.getByLabel('Start at a date and time').check();
  await wall(page, 'Start at', '2020-01-01', '00:00');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('The job was not saved');
  await expect(page.getByLabel('Start at, date')).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByRole('group', { name: /Start at/ })).toContainText(/future/i);
  await expect(page.getByLabel('Title')).toHaveValue('Refused by the service');
});

test('edits a recurring job; a one-time job cannot be edited', async ({ page }) => {
  const job = await makeJob(page.request, 'Before the edit', { splitSize: 2 * 2 ** 30, description: 'Old' });
  await page.goto(`/jobs/${job.id}/edit`);
  await expect(page.getByLabel('Title')).toHaveValue('Before the edit');
  await expect(page.getByLabel('File split size')).toHaveValue('2');
  await page.getByLabel('Title').fill('After the edit');
  expect(await saved(page, 'After the edit')).toMatchObject({ description: 'Old', splitSize: 2 * 2 ** 30, schedule: { kind: 'weekly', weekday: 'sunday', at: '03:00' } });
  const once = await makeJob(page.request, 'Not to be edited', { schedule: { kind: 'once', startAt: '2031-01-01T00:00:00Z' } });
  await page.goto(`/jobs/${once.id}/edit`);
  await expect(page.getByText('A one-time job cannot be edited once it is submitted')).toBeVisible();
  const save = page.getByRole('button', { name: 'Save' });
  await save.focus();
  await expect(page.getByRole('tooltip')).toContainText('clone it instead');
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Title')).toBeDisabled();
  await expect(page).toHaveURL(new RegExp(once.id));
  await page.getByRole('link', { name: 'Clone it instead' }).click();
  await expect(page.getByLabel('Title')).toHaveValue('Copy of Not to be edited');
});

test('leaving with unsaved changes asks', async ({ page }) => {
  await begin(page, 'Half-written');
  await page.getByRole('link', { name: 'History', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Leave without saving?' });
  await dialog.getByRole('button', { name: 'Stay' }).click();
  await expect(page.getByLabel('Title')).toHaveValue('Half-written');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await dialog.getByRole('button', { name: 'Leave' }).click();
  await expect(page).toHaveURL(/\/jobs$/);
  await expect(row(page, 'Half-written')).toHaveCount(0);
});

test('a session that ends meanwhile loses nothing of what was typed', async ({ page, context }) => {
  await begin(page, 'Typed for long');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  const other = context.waitForEvent('page');
  await dialog.getByRole('link', { name: 'Sign in in another tab' }).click();
  const tab = await other;
  await expect(tab.getByLabel('Username')).toBeVisible();
  await signIn(tab);
  await tab.close();
  await dialog.getByRole('button', { name: 'Stay' }).click();
  await expect(dialog).toHaveCount(0);
  await saved(page, 'Typed for long');
});

test('a job that is edited begins as the service has it now, and its list is as it was left', async ({ page }) => {
  const job = await makeJob(page.request, 'Seen before', { description: 'First' });
  await page.goto('/jobs?q=Seen before&type=interaction');
  const edit = async () => {
    await page.getByRole('checkbox', { name: `Select ${job.title}` }).check();
    await page.getByRole('toolbar').getByRole('button', { name: 'Edit' }).click();
  };
  await edit();
  await expect(page.getByLabel('Description')).toHaveValue('First');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await expect(page).toHaveURL(/q=Seen.*type=interaction/);
  await page.request.put(`/api/v1/jobs/${job.id}`, { data: jobBody(job.title, { description: 'Second' }) });
  await edit();
  await expect(page.getByLabel('Description')).toHaveValue('Second');
});

test('saving twice makes one job', async ({ page }) => {
  await begin(page, 'Saved once');
  // The answer to the first request is lost on its way; the job is made all the same.
  await page.route('**/api/v1/jobs', async (route) => {
    await route.fetch();
    return route.abort();
  }, { times: 1 });
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('cannot be reached');
  expect((await saved(page, 'Saved once')).schedule).toMatchObject({ kind: 'daily' });
});
