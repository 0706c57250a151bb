import { action, ended, expect, makeJob, makeRun, reason, row, signIn, test } from './fixtures';

test.beforeEach(async ({ page }) => signIn(page));

test('shows the columns of the guide, in UTC, and filters and sorts them', async ({ page }) => {
  const { run } = await makeRun(page.request, 'Guide: contacts once');
  expect(run.state).toBe('finished');
  const weekly = await makeJob(page.request, 'Guide: chats weekly', { mediaTypes: ['chat'] });
  await page.goto('/jobs?q=Guide');
  for (const name of ['Source', 'Type', 'Title', 'Created Date (UTC)', 'Latest Status', 'Latest Started At (UTC)', 'Next Starts At (UTC)', 'Active']) {
    await expect(page.getByRole('columnheader', { name: new RegExp(`^${name.replace(/[()]/g, '\\$&')}`) })).toBeVisible();
  }
  const line = row(page, weekly.title);
  await expect(line).toContainText('UCS');
  await expect(line).toContainText('Never run');
  const next = line.locator('time').nth(1);
  await expect(next).toHaveText(/^\d{4}-\d\d-\d\d 03:00:00$/);
  await expect(next).toHaveAttribute('title', /(EST|EDT|GMT-[45]) \(your time\)/);

  await page.getByRole('button', { name: 'Filter by type: all' }).click();
  await page.getByRole('checkbox', { name: 'Contact', exact: true }).check();
  await expect(row(page, weekly.title)).toHaveCount(0);
  await expect(row(page, 'Guide: contacts once')).toHaveCount(1);
  await expect(page).toHaveURL(/type=contact/);
  await page.keyboard.press('Escape');
  await page.reload();
  await expect(row(page, 'Guide: contacts once')).toHaveCount(1);
  await page.getByRole('button', { name: /Filter by type/ }).click();
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Filter by latest status: all' }).click();
  await page.getByRole('checkbox', { name: 'Never run' }).check();
  await expect(row(page, 'Guide: contacts once')).toHaveCount(0);
  await page.goto('/jobs?q=Guide');
  const title = page.getByRole('columnheader', { name: 'Title' });
  await title.getByRole('button').click();
  await expect(title).toHaveAttribute('aria-sort', 'ascending');
  await expect(page.locator('tbody tr').first()).toContainText('Guide: chats weekly');
  await title.getByRole('button').click();
  await expect(title).toHaveAttribute('aria-sort', 'descending');
  await page.getByRole('searchbox').fill('no such job anywhere');
  await expect(page.getByText('No job matches')).toBeVisible();
});

test('pages through a list on the server, one request for each page', async ({ page }) => {
  for (let i = 0; i < 30; i++) await makeJob(page.request, `Paged ${String(i).padStart(2, '0')}`);
  const asked: string[] = [];
  await page.goto('/jobs?q=Paged&sort=title');
  await expect(page.getByText('1–25 of 30')).toBeVisible();
  page.on('request', (r) => { if (r.url().includes('/api/v1/jobs')) asked.push(r.url()); });
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await expect(row(page, 'Paged 29')).toBeVisible();
  await expect(page.getByText('26–30 of 30')).toBeVisible();
  expect(asked).toHaveLength(1);
  await page.reload();
  await expect(row(page, 'Paged 29')).toBeVisible();
  await page.getByRole('button', { name: 'Previous' }).click();
  await expect(row(page, 'Paged 00')).toBeVisible();
});

test('suspends and resumes: by the slider, by the toolbar for several, and back by undo', async ({ page }) => {
  const one = await makeJob(page.request, 'Switched one');
  await makeJob(page.request, 'Switched two');
  await page.goto('/jobs?q=Switched');
  const slider = page.getByRole('switch', { name: `${one.title}: active` });
  await expect(slider).toBeChecked();
  await slider.click();
  await expect(slider).not.toBeChecked();
  await expect(row(page, one.title)).toContainText('Suspended');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(slider).toBeChecked();
  await page.getByRole('checkbox', { name: 'Select all jobs of this page' }).check();
  await action(page, 'Suspend').click();
  await expect(row(page, 'Switched').filter({ hasText: 'Suspended' })).toHaveCount(2);
  await action(page, 'Resume').click();
  await expect(row(page, 'Switched').filter({ hasText: 'Suspended' })).toHaveCount(0);
});

test('the one-time rules: born suspended, not resumed, not edited, cloned', async ({ page }) => {
  await makeRun(page.request, 'One-time contacts');
  await page.goto('/jobs?q=One-time');
  const slider = page.getByRole('switch', { name: 'One-time contacts: active' });
  await expect(slider).not.toBeChecked();
  await slider.click({ force: true });
  await expect(slider).not.toBeChecked();
  await page.getByRole('checkbox', { name: 'Select One-time contacts' }).check();
  expect(await reason(page, 'Edit')).toContain('one-time job cannot be edited');
  expect(await reason(page, 'Resume')).toContain('one-time job cannot be resumed');
  expect(await reason(page, 'Run now')).toContain('runs once');
  await action(page, 'Edit').click({ force: true });
  await expect(page).toHaveURL(/\/jobs\?/);
  await page.getByRole('button', { name: 'More ways to add a job' }).click();
  await page.getByRole('menuitem', { name: 'Clone selected' }).click();
  await expect(page.getByLabel('Title')).toHaveValue('Copy of One-time contacts');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(row(page, 'Copy of One-time contacts')).toBeVisible();
});

test('a one-time job for later is suspended by its start', async ({ page }) => {
  const startAt = new Date(Date.now() + 4000).toISOString();
  const job = await makeJob(page.request, 'Later once', { type: 'contact', timeframe: { kind: 'all' }, schedule: { kind: 'once', startAt } });
  await page.goto('/jobs?q=Later');
  const slider = page.getByRole('switch', { name: 'Later once: active' });
  await expect(slider).toBeChecked();
  await ended(page.request, job.id);
  await expect(slider).not.toBeChecked();
  await expect(row(page, job.title)).toContainText('Finished');
});

test('deletes after asking, and refuses while a run is queued', async ({ page }) => {
  const waiting = await makeJob(page.request, 'Waits to settle', { settlingMinutes: 60, schedule: { kind: 'once' }, timeframe: { kind: 'all' } });
  await makeJob(page.request, 'Goes away');
  await page.goto('/jobs?q=Waits');
  await page.getByRole('checkbox', { name: `Select ${waiting.title}` }).check();
  expect(await reason(page, 'Delete')).toContain('is queued');
  await page.goto('/jobs?q=Goes away');
  await page.getByRole('checkbox', { name: 'Select Goes away' }).check();
  await action(page, 'Delete').click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Goes away');
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await expect(row(page, 'Goes away')).toBeVisible();
  await action(page, 'Delete').click();
  await dialog.getByRole('button', { name: 'Delete 1 job' }).click();
  await expect(page.getByText('No job matches')).toBeVisible();
});

test('opens the history of a job by the history button, and runs it now', async ({ page }) => {
  const job = await makeJob(page.request, 'Has a history', { type: 'contact' });
  await page.goto('/jobs?q=Has a history');
  expect(await reason(page, 'History')).toContain('select a job first');
  await page.getByRole('checkbox', { name: `Select ${job.title}` }).check();
  await action(page, 'Run now').click();
  await expect(row(page, job.title)).toContainText(/Finished/);
  await action(page, 'History').click();
  await expect(page).toHaveURL(new RegExp(`job=${job.id}`));
  await expect(page.getByText('Only runs of Has a history')).toBeVisible();
  await expect(page.locator('tbody tr')).toHaveCount(1);
  await page.getByRole('button', { name: 'Show the runs of all jobs' }).click();
  await expect(page).not.toHaveURL(/job=/);
});

test('an exporter sees the jobs and starts them, but changes none', async ({ page }) => {
  const job = await makeJob(page.request, 'For the exporter');
  await signIn(page, 'erin');
  await page.goto('/jobs?q=exporter');
  await expect(page.getByRole('link', { name: 'Add new job' })).toHaveCount(0);
  await page.getByRole('checkbox', { name: `Select ${job.title}` }).check();
  expect(await reason(page, 'Delete')).toContain('only administrators');
});

test('a running job shows a bar that moves; what is left shows on hover and on focus', async ({ page }) => {
  await page.goto('/jobs?q=Watched');
  await makeJob(page.request, 'Watched export', { schedule: { kind: 'once' }, timeframe: { kind: 'all' } });
  const bar = page.getByRole('progressbar', { name: 'Progress of Watched export' });
  await expect(bar).toBeVisible();
  const value = async () => Number(await bar.getAttribute('aria-valuenow'));
  await expect.poll(value).toBeGreaterThan(0);
  await bar.hover();
  await expect(page.getByRole('tooltip')).toContainText(/remaining/);
  await expect(page.getByRole('tooltip')).toContainText(/of \d[\d,]+ records/);
  const before = await value();
  await page.mouse.move(0, 0);
  await expect(page.getByRole('tooltip')).toHaveCount(0);
  await bar.focus();
  await expect(page.getByRole('tooltip')).toContainText(/remaining/);
  await expect(bar).toHaveAttribute('aria-valuetext', /%, (about|a few|estimating)/);
  await expect.poll(value).toBeGreaterThan(before);
  await expect(row(page, 'Watched export')).toContainText('Finished', { timeout: 60_000 });
});

test('when the live updates break off, the page says so and goes on by asking', async ({ page }) => {
  await page.route('**/api/v1/events', (route) => route.abort());
  await page.goto('/jobs?q=Unseen');
  await expect(page.getByText('Live updates are interrupted')).toBeVisible();
  await makeJob(page.request, 'Unseen until asked');
  await expect(row(page, 'Unseen until asked')).toBeVisible();
  await page.unroute('**/api/v1/events');
  await expect(page.getByText('Live updates are interrupted')).toHaveCount(0, { timeout: 60_000 });
});

test('a list that cannot be read says why and offers another try', async ({ page }) => {
  await page.route('**/api/v1/jobs?*', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: 'x', status: 503, code: 'unavailable', detail: 'The database rests.', hint: 'Wait a little.' }) }));
  await page.goto('/jobs');
  await expect(page.getByRole('alert')).toContainText('The database rests. Wait a little.');
  await page.unroute('**/api/v1/jobs?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('table', { name: 'jobs' })).toBeVisible();
});
