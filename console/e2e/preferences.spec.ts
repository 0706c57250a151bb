import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, signIn, test } from './fixtures';

const folder = mkdtempSync(join(tmpdir(), 'cdds-pairs-'));

/** Makes a pair with openssl, as the page says one does. */
function pair(name: string, ...args: string[]): { certificate: string; key: string; der: string } {
  const path = (kind: string) => join(folder, `${name}.${kind}`);
  execFileSync('openssl', ['req', '-x509', '-nodes', '-keyout', path('key'), '-out', path('pem'), '-subj', `/CN=${name}`, ...args], { stdio: 'ignore' });
  execFileSync('openssl', ['x509', '-in', path('pem'), '-outform', 'DER', '-out', path('der')]);
  return { certificate: path('pem'), key: path('key'), der: path('der') };
}

const good = pair('good', '-newkey', 'rsa:2048', '-days', '400');
const short = pair('short', '-newkey', 'rsa:2048', '-days', '5');
const small = pair('small', '-newkey', 'rsa:1024', '-days', '30');
const elliptic = pair('elliptic', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '30');

test.beforeEach(async ({ page }) => {
  await signIn(page, 'carol');
  await page.request.delete('/api/v1/me/certificate');
  await page.goto('/preferences');
});

test('without a certificate a banner on every page shows the way', async ({ page }) => {
  await page.goto('/history');
  await page.getByRole('link', { name: 'Open User preferences' }).click();
  await expect(page.getByRole('heading', { name: 'User preferences' })).toBeVisible();
  await expect(page.getByText('No certificate yet.')).toBeVisible();
});

test('by file picker, pasted, and dropped; then replaced and removed', async ({ page }) => {
  await page.locator('input[type=file]').setInputFiles(good.certificate);
  await expect(page.locator('.pairs')).toContainText('CN=good');
  const fingerprint = execFileSync('openssl', ['x509', '-in', good.certificate, '-noout', '-fingerprint', '-sha256'], { encoding: 'utf8' }).split('=')[1]!.trim().replaceAll(':', '').toLowerCase();
  await expect(page.locator('.pairs')).toContainText(fingerprint);
  await expect(page.getByText('You have no certificate yet')).toHaveCount(0);

  await page.getByLabel('Or paste it here').fill(readFileSync(short.certificate, 'utf8'));
  await page.getByRole('button', { name: 'Import what is pasted' }).click();
  await expect(page.locator('.pairs')).toContainText('CN=short');
  await expect(page.getByText(/Your certificate ends in 4 days/)).toBeVisible();

  const bytes = [...readFileSync(good.der)];
  const data = await page.evaluateHandle((content) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(content)], 'good.der'));
    return transfer;
  }, bytes);
  await page.getByTestId('drop').dispatchEvent('drop', { dataTransfer: data });
  await expect(page.locator('.pairs')).toContainText('CN=good');

  await page.getByRole('button', { name: 'Remove certificate' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByText('No certificate yet.')).toBeVisible();
});

test('refuses bad ones with the reason, and keeps the good one', async ({ page }) => {
  await page.locator('input[type=file]').setInputFiles(good.certificate);
  await expect(page.locator('.pairs')).toContainText('CN=good');
  for (const [file, why] of [[small.certificate, /2048/], [elliptic.certificate, /RSA/]] as const) {
    await page.locator('input[type=file]').setInputFiles(file);
    await expect(page.getByRole('alert').filter({ hasText: 'refused' })).toContainText(why);
  }
  await page.getByLabel('Or paste it here').fill('not a certificate');
  await page.getByRole('button', { name: 'Import what is pasted' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'refused' })).toBeVisible();
  await expect(page.locator('.pairs')).toContainText('CN=good');
});

test('a private key does not leave the browser', async ({ page }) => {
  const sent: string[] = [];
  page.on('request', (r) => { if (r.method() === 'PUT') sent.push(r.url()); });
  await page.locator('input[type=file]').setInputFiles(good.key);
  await expect(page.getByRole('alert')).toContainText('private key');
  expect(sent).toEqual([]);
});

test('the theme is kept', async ({ page }) => {
  const html = page.locator('html');
  await page.getByRole('radio', { name: 'Dark' }).check();
  await expect(html).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.reload();
  await expect(html).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.getByRole('radio', { name: /System/ }).check();
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(html).toHaveAttribute('data-mantine-color-scheme', 'light');
});
