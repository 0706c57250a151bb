import type { Locator, Page } from '@playwright/test';
import { expect } from './fixtures';

/** Goes on by Tab until a control has the focus. Nothing here uses the mouse. */
export async function tabTo(page: Page, target: Locator, back = false) {
  for (let i = 0; i < 120; i++) {
    if (await target.evaluate((e) => e === document.activeElement).catch(() => false)) return;
    await page.keyboard.press(back ? 'Shift+Tab' : 'Tab');
  }
  throw new Error('the control cannot be reached by Tab');
}

/** Goes to a control and presses a key there. */
export async function press(page: Page, target: Locator, key = 'Enter') {
  await expect(target).toBeVisible();
  await tabTo(page, target);
  await page.keyboard.press(key);
}

/** Goes to an item of an open menu by an arrow key, and takes it. The menu may be seen before it listens to keys. */
export async function choose(page: Page, item: Locator, arrow: 'ArrowDown' | 'ArrowUp') {
  await expect(item).toBeVisible();
  await expect(async () => {
    await page.keyboard.press(arrow);
    await expect(item).toBeFocused({ timeout: 1_000 });
  }).toPass();
  await page.keyboard.press('Enter');
}
