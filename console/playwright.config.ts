import { defineConfig } from '@playwright/test';
import { url } from './e2e/place';

/** The browser tests: Debian's Chromium against real services with samples of their own. */
export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/sample.ts',
  // Each has a service of its own. The tests of a file go on one after the other.
  workers: 2,
  // A browser that dies on a busy machine is started once more; the report names the test as flaky.
  retries: process.env.CI ? 1 : 0,
  // Generous, for a busy machine: what works does not wait for them.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  forbidOnly: true,
  reporter: [['list']],
  use: {
    baseURL: url,
    // Far from UTC, so that a time in the browser's own zone is seen at once.
    timezoneId: 'America/New_York',
    locale: 'en-US',
    actionTimeout: 30_000,
    viewport: { width: 1440, height: 900 },
    // A trace records the page at each step and makes it several times slower: TRACE=1 asks for one.
    trace: process.env.TRACE ? 'retain-on-failure' : 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
});
