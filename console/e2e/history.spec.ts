import { readFileSync } from 'node:fs';
import { action, ended, expect, makeJob, makeRun, reason, row, signIn, test, users } from './fixtures';

test.beforeEach(async ({ page }) => signIn(page));

test('shows every run with its window, records, size and files, and filters them', async ({ page }) => {
  const { run } = await makeRun(page.request, 'History contacts');
  await makeRun(page.request, 'History of nothing', { timeframe: { kind: 'fixed', start: '1990-01-01T00:00:00Z', end: '1990-01-02T00:00:00Z' } });
  await page.goto('/history?q=History');
  for (const name of ['Source', 'Type', 'Title', 'State', 'Started (UTC)', 'Finished (UTC)', 'Duration', 'Window (UTC)', 'Records', 'Size', 'Files']) {
    await expect(page.getByRole('columnheader', { name: new RegExp(`^${name.replace(/[()]/g, '\\$&')}`) })).toBeVisible();
  }
  const line = row(page, 'History contacts');
  await expect(line).toContainText('Finished');
  await expect(line).toContainText('3,000');
  await expect(line).toContainText(/up to \d{4}-/);
  await expect(row(page, 'History of nothing')).toContainText('Finished, no data');
  await page.getByRole('button', { name: 'Filter by state: all' }).click();
  await page.getByRole('checkbox', { name: 'Failed' }).check();
  await expect(page).toHaveURL(/state=failed/);
  // Nothing matches; the filter stays at hand to be changed again.
  await expect(page.getByText('No run matches')).toBeVisible();
  await page.getByRole('checkbox', { name: 'Finished' }).check();
  await expect(row(page, 'History contacts')).toHaveCount(1);
  await page.keyboard.press('Escape');
  await page.goto(`/history?q=History&run=${run.id}`);
  await expect(page.getByRole('dialog', { name: 'Run details' })).toBeVisible();
});

test('the details: frozen job, attempts, manifest, and who downloaded what', async ({ page }) => {
  const { run } = await makeRun(page.request, 'Detailed contacts', { description: 'For the auditors.' });
  const files = (await (await page.request.get(`/api/v1/artifacts?run=${run.id}`)).json()) as { items: { id: string; name: string }[] };
  await page.request.get(`/api/v1/artifacts/${files.items[0]!.id}/content`);
  await page.goto('/history?q=Detailed');
  await page.getByRole('checkbox', { name: /Select the run of Detailed/ }).check();
  await action(page, 'View details').click();
  const details = page.getByRole('dialog', { name: 'Run details' });
  await expect(details).toContainText('For the auditors.');
  await expect(details.getByRole('table', { name: 'Attempts' })).toContainText('It worked.');
  await expect(details.getByRole('table', { name: 'Files of the run' })).toContainText('3,000');
  await expect(details).toContainText('CN=CDDS sample user');
  await expect(details.getByRole('table', { name: 'Downloads' })).toContainText('admin');
  const download = page.waitForEvent('download');
  await expect(details.getByRole('toolbar').getByRole('button', { name: 'Cancel' })).toHaveAttribute('aria-disabled', 'true');
  await details.getByRole('link', { name: /Download the manifest/ }).click();
  expect((await download).suggestedFilename()).toBe(`manifest-${run.id}.json`);
  await page.keyboard.press('Escape');
  await expect(details).toHaveCount(0);
  await expect(page).not.toHaveURL(/run=/);
});

test('a failed run says why and what to do; a retry is linked to it', async ({ page }) => {
  // Carol has no certificate when her job's time comes, and its run fails for it.
  await signIn(page, 'carol');
  const pem = readFileSync(users().certificate);
  const bring = () => page.request.put('/api/v1/me/certificate', { data: pem, headers: { 'Content-Type': 'application/octet-stream' } });
  await bring();
  const startAt = new Date(Date.now() + 3000).toISOString();
  const job = await makeJob(page.request, 'Fails for its certificate', { type: 'contact', timeframe: { kind: 'all' }, schedule: { kind: 'once', startAt } });
  await page.request.delete('/api/v1/me/certificate');
  expect((await ended(page.request, job.id)).state).toBe('failed');
  await page.goto(`/history?job=${job.id}`);
  const badge = row(page, job.title).getByRole('note');
  await badge.focus();
  await expect(page.getByRole('tooltip')).toContainText(/certificate/i);
  await page.getByRole('button', { name: job.title }).click();
  const details = page.getByRole('dialog', { name: 'Run details' });
  await expect(details.getByRole('alert').first()).toContainText(/certificate/i);
  await expect(details.getByRole('alert').first()).toContainText(/User preferences/);
  await page.keyboard.press('Escape');
  await page.getByRole('checkbox', { name: /Select the run of/ }).check();
  await action(page, 'Retry').click();
  await expect(page.getByRole('alert').filter({ hasText: 'was not retried' })).toContainText(/certificate/i);
  await bring();
  await action(page, 'Retry').click();
  await expect(row(page, job.title).filter({ hasText: 'Finished' })).toHaveCount(1);
  await row(page, job.title).filter({ hasText: 'Finished' }).getByRole('button', { name: job.title }).click();
  await expect(details).toContainText('a person, as a retry');
});

test('cancels a run at work, and leaves nothing of it', async ({ page }) => {
  await makeJob(page.request, 'To be canceled', { schedule: { kind: 'once' }, timeframe: { kind: 'all' } });
  await page.goto('/history?q=To be canceled');
  await expect(page.getByRole('progressbar', { name: 'Progress of To be canceled' })).toBeVisible();
  await page.getByRole('checkbox', { name: /Select the run of/ }).check();
  expect(await reason(page, 'Delete')).toContain('cancel it first');
  expect(await reason(page, 'Retry')).toContain('only failed and canceled');
  await action(page, 'Cancel').click();
  await expect(row(page, 'To be canceled')).toContainText('Canceled');
  await expect(action(page, 'Retry')).not.toHaveAttribute('aria-disabled', 'true');
  expect(await reason(page, 'Show files')).toContain('no files');
});

test('clones an instance, shows its files, deletes it', async ({ page }) => {
  await makeRun(page.request, 'Instance');
  await page.goto('/history?q=Instance');
  const select = page.getByRole('checkbox', { name: /Select the run of Instance/ });
  await select.check();
  await action(page, 'Clone this instance').click();
  await expect(page.getByLabel('Title')).toHaveValue('Copy of Instance');
  await page.goBack();
  await select.check();
  await action(page, 'Show files').click();
  await expect(page).toHaveURL(/artifacts\?run=/);
  await expect(page.locator('tbody tr')).toHaveCount(1);
  await page.goBack();
  await select.check();
  await action(page, 'Delete').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 run' }).click();
  await expect(page.getByText('No run matches')).toBeVisible();
});
