import { clean } from './axe';
import { aCluster } from './cluster';
import { expect, row, signIn, test } from './fixtures';
import { press, tabTo } from './keys';

test('shows the service\'s own node, live', async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await signIn(page);
  await page.goto('/nodes');
  await expect(page.getByRole('link', { name: 'Nodes', exact: true })).toHaveAttribute('aria-current', 'page');
  const line = page.getByRole('table', { name: 'nodes' }).locator('tbody tr').first();
  await expect(line).toContainText('Up');
  await expect(line).toContainText('API, Scheduler, Worker');
  await expect(line).toContainText('0 of 2');
  // A column that stays in sight while the others scroll must not lie over them before.
  const edges = await line.locator('td').evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect()).map(({ left, right }) => ({ left, right })));
  for (const [i, { left }] of edges.slice(1).entries()) expect(left).toBeGreaterThanOrEqual(edges[i]!.right - 1);
  const seen = line.locator('time').last();
  const before = await seen.getAttribute('datetime');
  await expect(seen).not.toHaveAttribute('datetime', before!); // without anybody's doing
});

test('filters, searches and sorts', async ({ page }) => {
  await signIn(page);
  await page.goto('/nodes');
  await expect(row(page, 'Up')).toHaveCount(1);
  await page.getByRole('button', { name: 'Filter by state: all' }).click();
  await page.getByRole('checkbox', { name: 'Silent', exact: true }).check();
  await expect(page).toHaveURL(/state=silent/);
  await page.keyboard.press('Escape');
  await expect(page.getByText('No node matches')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(row(page, 'Up')).toHaveCount(1);
  await page.getByRole('columnheader', { name: 'Load' }).getByRole('button').first().click();
  await expect(page).toHaveURL(/sort=working/);
  await page.getByRole('searchbox', { name: 'Search by name' }).fill('no-node-has-this-name');
  await expect(page.getByText('No node matches')).toBeVisible();
});

test('says what a state means, by keyboard, and follows it', async ({ page }) => {
  let now = { state: 'up', working: 3 };
  await signIn(page);
  await aCluster(page, () => now);
  await page.goto('/nodes');
  const worker = row(page, 'worker-1');
  await expect(worker).toContainText('3 of 4');
  await expect(row(page, 'api-1').getByLabel('none')).toBeVisible();
  await tabTo(page, row(page, 'worker-2').getByRole('note'));
  await expect(page.getByRole('tooltip')).toContainText('the operator has to replace it');
  await press(page, page.getByRole('button', { name: 'Filter by role: all' }));
  await expect(page.getByRole('checkbox', { name: 'Scheduler' })).toBeVisible();
  await page.keyboard.press('Escape');
  now = { state: 'stopping', working: 1 };
  await expect(worker).toContainText('Stopping');
  await expect(worker).toContainText('1 of 4');
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on a cluster, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await signIn(page);
    await aCluster(page, () => ({ state: 'stopping', working: 1 }));
    await page.goto('/nodes');
    await expect(row(page, 'worker-4')).toBeVisible();
    await clean(page, `nodes, ${colorScheme}`);
  });
}

test('loads, fails and recovers', async ({ page }) => {
  await signIn(page);
  let broken = true;
  await page.route('**/api/v1/nodes?*', (route) => (broken
    ? route.fulfill({ status: 503, contentType: 'application/problem+json', json: { type: 'about:blank', title: 'Unavailable', status: 503, code: 'unavailable', detail: 'The metadata database does not answer.', hint: 'Try again.' } })
    : route.fallback()));
  await page.goto('/nodes');
  await expect(page.getByRole('status', { name: 'Loading nodes' })).toBeVisible();
  const alert = page.getByRole('alert').filter({ hasText: 'The nodes could not be shown' });
  await expect(alert).toContainText('The metadata database does not answer.');
  broken = false;
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect(row(page, 'Up')).toHaveCount(1);
  await expect(alert).toHaveCount(0);
});

test('only administrators see it', async ({ page }) => {
  await signIn(page, 'erin');
  await page.goto('/nodes');
  await expect(page.getByText('Your role does not show nodes')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Nodes', exact: true })).toHaveCount(0);
});
