import { test as base, expect, type APIRequestContext, type Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { folder } from './place';
import { endService, serviceFor } from './service';

export { expect };

type Users = { tenant: string; username: string; password: string; certificate: string; key: string; others: string };
export const users = (): Users => JSON.parse(readFileSync(`${folder}/users.json`, 'utf8')) as Users;

/** Messages that a test provokes on purpose: the browser reports every refused request by itself. */
const provoked = /Failed to load resource|net::ERR_|\[DOM\] Password forms/;

/**
 * Each file of tests has a service of its own, at the address of its worker.
 * Every test fails on an error or a warning in the browser's console: a broken policy or a bug shows there first.
 */
export const test = base.extend<{ service: void; quiet: void }, { last: void }>({
  last: [async ({}, use) => {
    await use();
    await endService();
  }, { scope: 'worker', auto: true }],
  service: [async ({}, use, { file }) => {
    await serviceFor(file);
    await use();
  }, { auto: true }],
  quiet: [async ({ page }, use) => {
    const said: string[] = [];
    page.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !provoked.test(m.text())) said.push(m.text()); });
    page.on('pageerror', (e) => said.push(e.message));
    await use();
    expect(said).toEqual([]);
  }, { auto: true }],
});

/** Signs in by the API and gives the session to the page. */
export async function signIn(page: Page, username = users().username) {
  const { tenant, password, others, username: admin } = users();
  const answer = await page.request.post('/api/v1/session', { data: { username, tenant, password: username === admin ? password : others } });
  expect(answer.status()).toBe(200);
}

export type Body = Record<string, unknown>;

/** A job's body with defaults: recurring, so that it stays quiet. */
export const jobBody = (title: string, change: Body = {}): Body => ({
  title, source: 'contact_history', type: 'interaction', schedule: { kind: 'weekly', weekday: 'sunday', at: '03:00' }, timeframe: { kind: 'week' }, ...change,
});

export type Made = { id: string; title: string };

export async function makeJob(request: APIRequestContext, title: string, change: Body = {}): Promise<Made> {
  const answer = await request.post('/api/v1/jobs', { data: jobBody(title, change) });
  expect(answer.status(), await answer.text()).toBe(201);
  return (await answer.json()) as Made;
}

/** A fast export of a small window, to its end. Returns the finished run. */
export async function makeRun(request: APIRequestContext, title: string, change: Body = {}) {
  const job = await makeJob(request, title, { schedule: { kind: 'once' }, type: 'contact', timeframe: { kind: 'all' }, ...change });
  return { job, run: await ended(request, job.id) };
}

export type RunBody = { id: string; state: string; artifacts: number };

/** Waits until the latest run of a job has ended. */
export async function ended(request: APIRequestContext, jobId: string): Promise<RunBody> {
  let run: RunBody | undefined;
  await expect.poll(async () => {
    const list = (await (await request.get(`/api/v1/runs?job=${jobId}`)).json()) as { items: RunBody[] };
    run = list.items[0];
    return run?.state;
  }, { timeout: 60_000 }).toMatch(/finished|failed|canceled/);
  return run!;
}

/** The row of a list that holds a text. */
export const row = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });

/** A toolbar button. A disabled one can be focused, so that its reason can be read. */
export const action = (page: Page, name: string) => page.getByRole('toolbar').getByRole('button', { name, exact: true });

/** Chooses an option of a select by its label. */
export async function choose(page: Page, label: string | RegExp, option: string | RegExp) {
  await page.getByRole('combobox', { name: label }).or(page.getByRole('textbox', { name: label })).first().click();
  await page.getByRole('option', { name: option }).click();
}

/** The reason of a disabled button, by hovering over it. */
export async function reason(page: Page, name: string): Promise<string> {
  await action(page, name).hover();
  const tip = page.getByRole('tooltip').filter({ hasText: name });
  await expect(tip).toBeVisible();
  const text = await tip.innerText();
  await page.mouse.move(0, 0);
  return text;
}
