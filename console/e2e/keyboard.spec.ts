import { expect, makeRun, row, test, users } from './fixtures';
import { choose, press, tabTo } from './keys';

test('every flow, by keyboard alone', async ({ page }, { retry }) => {
  // What a first try has left must not be taken for what a second one made.
  const [job, run] = retry === 0 ? ['Keyed job', 'Keyed run'] : ['Typed job', 'Typed run'];
  const { username, password } = users();
  await page.goto('/jobs');
  await expect(page.getByLabel('Username')).toBeFocused();
  await page.keyboard.type(username);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('textbox', { name: 'Password' })).toBeFocused();
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Jobs', exact: true })).toBeVisible();
  await makeRun(page.request, run);

  await test.step('skips to the content', async () => {
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Jobs', exact: true })).toBeFocused();
    await tabTo(page, page.getByRole('link', { name: 'Skip to the content' }), true);
    await page.keyboard.press('Enter');
    await expect(page.locator('#main')).toBeFocused();
  });

  await test.step('adds a job', async () => {
    await press(page, page.getByRole('link', { name: 'Add new job' }));
    await expect(page.getByRole('heading', { name: /New Contact History/ })).toBeFocused();
    await tabTo(page, page.getByLabel('Title'));
    await page.keyboard.type(job);
    await tabTo(page, page.getByRole('combobox', { name: 'Run' }));
    await page.keyboard.press('Enter');
    const weekly = page.getByRole('option', { name: 'Weekly' });
    await expect(weekly).toBeVisible();
    // The list may be seen before it listens to keys.
    await expect(async () => {
      await page.keyboard.press('ArrowDown');
      await expect(weekly).toHaveAttribute('data-combobox-selected', 'true', { timeout: 2_000 });
    }).toPass();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('combobox', { name: 'Day of week' })).toBeVisible();
    await tabTo(page, page.getByLabel(/^Start at/));
    await page.keyboard.press('Control+a');
    await page.keyboard.type('04:15');
    await tabTo(page, page.getByRole('radio', { name: 'At the next time of the schedule' }));
    await page.keyboard.press('ArrowDown');
    await tabTo(page, page.getByLabel('Not before, date'));
    await page.keyboard.type('2031-05-06');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    await tabTo(page, page.getByLabel('Not before, time'));
    await page.keyboard.press('Enter');
    await expect(row(page, job)).toContainText('2031-05-');
  });

  await test.step('searches, selects, suspends and resumes', async () => {
    await tabTo(page, page.getByRole('searchbox'));
    await page.keyboard.type(job);
    await expect(page.locator('tbody tr')).toHaveCount(1);
    const slider = page.getByRole('switch', { name: `${job}: active` });
    await press(page, slider, 'Space');
    await expect(slider).not.toBeChecked();
    await expect(row(page, job)).toContainText('Suspended');
    await page.getByRole('checkbox', { name: `Select ${job}` }).waitFor();
    await tabTo(page, page.getByRole('checkbox', { name: `Select ${job}` }), true);
    await page.keyboard.press('Space');
    await tabTo(page, page.getByRole('toolbar').getByRole('button', { name: 'Resume' }), true);
    await page.keyboard.press('Enter');
    await expect(slider).toBeChecked();
  });

  await test.step('reads why a button is disabled', async () => {
    await tabTo(page, page.getByRole('toolbar').getByRole('button', { name: 'Suspend', exact: true }), true);
    await tabTo(page, page.getByRole('toolbar').getByRole('button', { name: 'Resume', exact: true }));
    await expect(page.getByRole('tooltip')).toContainText('all selected jobs are active');
  });

  await test.step('filters and sorts', async () => {
    await press(page, page.getByRole('button', { name: 'Filter by type: all' }));
    await press(page, page.getByRole('checkbox', { name: 'Interaction', exact: true }), 'Space');
    await expect(page).toHaveURL(/type=interaction/);
    await page.keyboard.press('Escape');
    await press(page, page.getByRole('columnheader', { name: 'Title' }).getByRole('button'));
    await expect(page.getByRole('columnheader', { name: 'Title' })).toHaveAttribute('aria-sort', 'ascending');
  });

  await test.step('edits, clones and deletes', async () => {
    const box = page.getByRole('checkbox', { name: `Select ${job}` });
    if (!(await box.isChecked())) await press(page, box, 'Space');
    await tabTo(page, page.getByRole('toolbar').getByRole('button', { name: 'Edit' }), true);
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('Title')).toHaveValue(job);
    await tabTo(page, page.getByLabel('Description'));
    await page.keyboard.type('Edited.');
    await tabTo(page, page.getByRole('button', { name: 'Save' }), true);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Jobs', exact: true })).toBeFocused();
    await page.goto(`/jobs?q=${job}`);
    await press(page, page.getByRole('checkbox', { name: `Select ${job}` }), 'Space');
    await tabTo(page, page.getByRole('button', { name: 'More ways to add a job' }), true);
    await page.keyboard.press('Enter');
    await choose(page, page.getByRole('menuitem', { name: 'Clone selected' }), 'ArrowDown');
    await expect(page.getByLabel('Title')).toHaveValue(`Copy of ${job}`);
    await press(page, page.getByRole('link', { name: 'Cancel' }));
    await page.goto(`/jobs?q=${job}`);
    await press(page, page.getByRole('checkbox', { name: `Select ${job}` }), 'Space');
    await tabTo(page, page.getByRole('toolbar').getByRole('button', { name: 'Delete' }), true);
    await page.keyboard.press('Enter');
    await press(page, page.getByRole('dialog').getByRole('button', { name: 'Delete 1 job' }));
    await expect(page.getByText('No job matches')).toBeVisible();
  });

  await test.step('opens a run, and a file', async () => {
    await page.goto(`/history?q=${run}`);
    await press(page, page.getByRole('button', { name: run, exact: true }));
    await expect(page.getByRole('dialog', { name: 'Run details' })).toContainText('Attempts');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('button', { name: run, exact: true })).toBeFocused();
    await page.goto(`/artifacts?q=${run}`);
    const waiting = page.waitForEvent('download');
    await press(page, page.getByRole('link', { name: /^Download export-/ }));
    expect((await waiting).suggestedFilename()).toMatch(/p7m$/);
  });

  await test.step('changes the theme and signs out', async () => {
    await page.goto('/preferences');
    await tabTo(page, page.getByRole('radio', { name: /System/ }));
    await page.keyboard.press('ArrowUp');
    await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
    await tabTo(page, page.getByRole('button', { name: /user menu/ }), true);
    await page.keyboard.press('Enter');
    await choose(page, page.getByRole('menuitem', { name: 'Sign out' }), 'ArrowUp');
    await expect(page.getByLabel('Username')).toBeVisible();
  });
});
