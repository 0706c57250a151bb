import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, makeRun, row, signIn, test } from './fixtures';

const folder = mkdtempSync(join(tmpdir(), 'cdds-recipients-'));

/** Makes a certificate with openssl, in PEM and DER. */
function certificate(name: string, days: number, ...args: string[]): { pem: string; der: string; key: string } {
  const path = (kind: string) => join(folder, `${name}.${kind}`);
  execFileSync('openssl', ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-keyout', path('key'), '-out', path('pem'), '-subj', `/CN=${name}`, '-days', String(days), ...args], { stdio: 'ignore' });
  execFileSync('openssl', ['x509', '-in', path('pem'), '-outform', 'DER', '-out', path('der')]);
  return { pem: path('pem'), der: path('der'), key: path('key') };
}

const escrow = certificate('escrow', 400);
const second = certificate('second-officer', 5);

async function clean(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join('; ')}`)).toEqual([]);
}

async function removeAll(page: Page) {
  const list = (await (await page.request.get('/api/v1/recipients')).json()) as { items: { id: string }[] };
  for (const { id } of list.items) await page.request.delete(`/api/v1/recipients/${id}`);
}

test.beforeEach(async ({ page }) => {
  await signIn(page);
  await removeAll(page);
});

test.afterEach(async ({ page }) => {
  await signIn(page);
  await removeAll(page);
  await page.request.put('/api/v1/me/encryption', { data: { encryption: 'compatible' } });
});

test('an administrator adds recipients, sees who is about to expire, and removes one', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Recipients', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Recipients', level: 1 })).toBeFocused();
  await expect(page.getByText('Only the owners of jobs can open')).toBeVisible();

  // By keyboard alone: the title, then the certificate pasted.
  await page.getByLabel('Title').focus();
  await page.keyboard.type('Escrow of the archive');
  await page.getByLabel('Or paste it here').focus();
  await page.keyboard.insertText(readFileSync(escrow.pem, 'utf8'));
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(row(page, 'Escrow of the archive')).toContainText('CN=escrow');

  await page.locator('input[type=file]').setInputFiles(second.der);
  await expect(page.getByText('Give it a title first')).toBeVisible();
  await page.getByLabel('Title').fill('Second officer');
  await page.locator('input[type=file]').setInputFiles(second.der);
  await expect(row(page, 'Second officer')).toContainText('4');

  await page.getByLabel('Title').fill('Escrow again');
  await page.locator('input[type=file]').setInputFiles(escrow.pem);
  await expect(page.getByRole('alert').filter({ hasText: 'was not added' })).toContainText('has a recipient with this certificate');

  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await clean(page);
    if (process.env.LOOK) await page.screenshot({ path: `${process.env.LOOK}/recipients-${scheme}.png`, fullPage: true });
  }

  await page.getByRole('button', { name: 'Remove Second officer' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await expect(row(page, 'Second officer')).toHaveCount(0);
  await expect(row(page, 'Escrow of the archive')).toBeVisible();
});

test('a private key of a recipient does not leave the browser', async ({ page }) => {
  const sent: string[] = [];
  page.on('request', (r) => { if (r.method() === 'POST') sent.push(r.url()); });
  await page.goto('/recipients');
  await page.getByLabel('Title').fill('Escrow');
  await page.locator('input[type=file]').setInputFiles(escrow.key);
  await expect(page.getByRole('alert')).toContainText('private key');
  expect(sent).toEqual([]);
});

test('the encryption is chosen, and its exports are opened by the recipient', async ({ page }) => {
  await page.request.post('/api/v1/recipients', { data: { title: 'Escrow', certificate: readFileSync(escrow.pem, 'utf8') } });
  await page.goto('/preferences');
  await expect(page.getByRole('radio', { name: /Compatible/ })).toBeChecked();
  await expect(page.getByRole('region', { name: 'Who can read your exports' })).toContainText('Escrow (CN=escrow');
  const saved = page.waitForResponse((r) => r.url().endsWith('/me/encryption') && r.status() === 204);
  await page.getByRole('radio', { name: /Authenticated/ }).check();
  await saved;
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await clean(page);
    if (process.env.LOOK) await page.screenshot({ path: `${process.env.LOOK}/preferences-${scheme}.png`, fullPage: true });
  }
  await page.reload();
  await expect(page.getByRole('radio', { name: /Authenticated/ })).toBeChecked();

  const { run } = await makeRun(page.request, 'Authenticated contacts');
  const list = (await (await page.request.get(`/api/v1/artifacts?run=${run.id}`)).json()) as { items: { id: string; encryption: string; recipients: string[] }[] };
  const [artifact] = list.items;
  expect(artifact).toMatchObject({ encryption: 'authenticated' });
  expect(artifact!.recipients).toHaveLength(2);
  const content = await (await page.request.get(`/api/v1/artifacts/${artifact!.id}/content`)).body();
  const zip = execFileSync('openssl', ['cms', '-decrypt', '-binary', '-inform', 'DER', '-inkey', escrow.key], { input: content });
  expect(zip.subarray(0, 2).toString()).toBe('PK');
});

test('an exporter sees in the preferences who can read, but does not manage it', async ({ page }) => {
  await page.request.post('/api/v1/recipients', { data: { title: 'Escrow', certificate: readFileSync(escrow.pem, 'utf8') } });
  await signIn(page, 'erin');
  await page.goto('/preferences');
  await expect(page.getByRole('region', { name: 'Who can read your exports' })).toContainText('Escrow');
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Recipients', exact: true })).toHaveCount(0);
  await page.goto('/recipients');
  await expect(row(page, 'Escrow')).toBeVisible();
  await expect(page.getByRole('group', { name: 'Add a recipient' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: /Remove/ })).toHaveCount(0);
});
