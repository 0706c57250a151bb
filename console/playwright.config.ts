import { defineConfig } from '@playwright/test';
import { folder, port, url } from './e2e/place';

/** The browser tests: Debian's Chromium against the real service with a sample of its own. */
export default defineConfig({
  testDir: 'e2e',
  workers: 1,
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
  webServer: {
    command: 'node e2e/start.mjs', env: { CDDS_E2E_PORT: String(port), CDDS_E2E_DATA: folder },
    url: `${url}/healthz`, timeout: 180_000, reuseExistingServer: !process.env.CI, stdout: 'pipe', gracefulShutdown: { signal: 'SIGTERM', timeout: 15_000 },
  },
});
