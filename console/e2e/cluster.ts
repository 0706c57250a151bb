import type { Page } from '@playwright/test';

type Row = Record<string, unknown>;

/**
 * Several nodes in place of the one that serves these tests: one process cannot
 * stop, be too old and be silent. What the first worker does is asked each time.
 */
export async function aCluster(page: Page, worker: () => { state: string; working: number } = () => ({ state: 'up', working: 3 })) {
  await page.route('**/api/v1/nodes?*', async (route) => {
    const real = await route.fetch();
    const body = (await real.json()) as { items: Row[]; total: number };
    const [own] = body.items;
    const ago = (seconds: number) => new Date(Date.parse(String(own!.seenAt)) - seconds * 1000).toISOString();
    const node = (name: string, roles: string[], change: Row = {}) => ({ ...own, startedAt: ago(93_600), name, roles, workers: roles.includes('worker') ? 4 : 0, working: 0, ...change });
    body.items = [
      node('api-1-5d0c9a7e', ['api']),
      node('api-2-f3b81c44', ['api', 'scheduler']),
      node('worker-1-0a6e21d9', ['worker'], worker()),
      node('worker-2-97c5f0b3', ['worker'], { state: 'outdated', working: 1 }),
      node('worker-3-4be8d716', ['scheduler', 'worker'], { state: 'silent', working: 2, seenAt: ago(95) }),
      node('worker-4-c1d70e52', ['worker'], { state: 'gone', seenAt: ago(1_310) }),
    ];
    body.total = body.items.length;
    await route.fulfill({ json: body });
  });
}
