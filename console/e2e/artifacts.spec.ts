import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { action, ended, expect, makeRun, reason, row, signIn, test, users } from './fixtures';
import { folder } from './place';

test.beforeEach(async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page);
});

test('downloads an artifact and decrypts it with the commands that it copies', async ({ page }) => {
  const { run } = await makeRun(page.request, 'Decrypted contacts');
  await page.goto('/artifacts?q=Decrypted');
  for (const name of ['Name', 'Type', 'Job', 'Part', 'Size', 'Created (UTC)', 'Remaining Days', 'Recipients']) {
    await expect(page.getByRole('columnheader', { name: new RegExp(`^${name.replace(/[()]/g, '\\$&')}`) })).toBeVisible();
  }
  await expect(row(page, 'Decrypted contacts')).toContainText('30');
  const folder = mkdtempSync(join(tmpdir(), 'cdds-'));
  const waiting = page.waitForEvent('download');
  await page.getByRole('link', { name: /^Download export-/ }).click();
  const download = await waiting;
  await download.saveAs(join(folder, download.suggestedFilename()));
  copyFileSync(users().key, join(folder, 'key.pem'));

  await page.getByRole('button', { name: /^How to decrypt/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Decrypt this file' });
  for (const [name, out] of [['Copy: With OpenSSL', 'openssl'], ['Copy: With CDDS, of any size', 'cdds']] as const) {
    await dialog.getByRole('button', { name }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    const target = mkdtempSync(join(tmpdir(), `cdds-${out}-`));
    execFileSync('bash', ['-ec', `cp "$0"/* . ; ${command}`, folder], { cwd: target, env: { ...process.env, PATH: `${new URL('../../bin', import.meta.url).pathname}:${process.env.PATH ?? ''}` } });
    const lines = readFileSync(join(target, `Contact-${run.id}.json`), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(3000);
    expect(JSON.parse(lines[0]!)).toHaveProperty('contactId');
  }
});

test('downloads several as one archive, and deletes them', async ({ page }) => {
  await makeRun(page.request, 'Many files', { splitSize: 2 ** 20, type: 'interaction', timeframe: { kind: 'all' }, mediaTypes: ['email'] });
  await page.goto('/artifacts?q=Many files&size=100');
  const rows = page.locator('tbody tr');
  await expect.poll(() => rows.count()).toBeGreaterThan(1);
  const n = await rows.count();
  await page.getByRole('checkbox', { name: 'Select all artifacts of this page' }).check();
  await expect(page.getByText(new RegExp(`^${n} selected, .* as one archive`))).toBeVisible();
  const waiting = page.waitForEvent('download');
  await action(page, 'Download').click();
  const download = await waiting;
  const names = execFileSync('tar', ['-tf', await download.path()], { encoding: 'utf8' }).trim().split('\n');
  expect(names).toHaveLength(n);
  expect(page.context().pages()).toHaveLength(1);
  await action(page, 'Delete').click();
  await page.getByRole('dialog').getByRole('button', { name: /^Delete/ }).click();
  await expect(page.getByText('No artifact matches')).toBeVisible();
});

test('warns when few days remain', async ({ page }) => {
  await page.route('**/api/v1/artifacts?*', async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { items: { remainingDays: number }[] };
    body.items = body.items.slice(0, 1).map((a) => ({ ...a, remainingDays: 2 }));
    await route.fulfill({ json: body });
  });
  await page.goto('/artifacts');
  const note = page.getByRole('note').filter({ hasText: '2' });
  await note.focus();
  await expect(page.getByRole('tooltip')).toContainText('Download it before then');
});

test('an exporter downloads, and cannot delete', async ({ page }) => {
  await makeRun(page.request, 'For erin');
  await signIn(page, 'erin');
  await page.goto('/artifacts?q=For erin');
  await page.getByRole('checkbox', { name: /^Select export-/ }).check();
  const waiting = page.waitForEvent('download');
  await action(page, 'Download').click();
  expect((await waiting).suggestedFilename()).toMatch(/^export-.*\.zip\.p7m$/);
  await expect(action(page, 'Delete')).toHaveAttribute('aria-disabled', 'true');
});

test('a damaged file is marked with the reason, and exported again', async ({ page }) => {
  const { job, run } = await makeRun(page.request, 'Lost contacts');
  await page.goto('/artifacts?q=Lost contacts');
  await page.getByRole('checkbox', { name: /^Select export-/ }).check();
  expect(await reason(page, 'Export again')).toContain('select a damaged artifact first');
  const [tenant] = readdirSync(`${folder}/artifacts/tenants`);
  rmSync(`${folder}/artifacts/tenants/${tenant}/runs/${run.id}`, { recursive: true });
  const verify = () => execFileSync(new URL('../../bin/cdds', import.meta.url).pathname, ['verify', '--data', folder], { stdio: 'pipe' });
  expect(verify).toThrow(); // its exit code says that something is damaged
  await page.goto('/history?q=Lost contacts');
  await expect(row(page, 'Lost contacts')).toContainText('Damaged');
  await page.goto('/artifacts?q=Lost contacts');
  const mark = row(page, 'Lost contacts').getByRole('note').filter({ hasText: 'Damaged' });
  await mark.hover();
  await expect(page.getByRole('tooltip').filter({ hasText: 'missing from the artifact storage' })).toBeVisible();
  await page.getByRole('checkbox', { name: /^Select export-/ }).check();
  await action(page, 'Export again').click();
  await expect(page.getByText('Exporting "Lost contacts" again')).toBeVisible();
  await expect.poll(async () => (await ended(page.request, job.id)).id).not.toBe(run.id);
  expect((await ended(page.request, job.id)).state).toBe('finished');
  await page.goto(`/history?q=Lost contacts&run=${run.id}`);
  await expect(page.getByRole('dialog', { name: 'Run details' }).getByRole('alert')).toContainText('A file is damaged or missing');
});
