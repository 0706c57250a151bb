import { createTheme, type CSSVariablesResolver } from '@mantine/core';

/** The look of the console: dense, calm, one accent. Sizes are for a 13 px body. */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: 7,
  autoContrast: true,
  respectReducedMotion: true,
  cursorType: 'pointer',
  defaultRadius: 'sm',
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  headings: { fontWeight: '600', sizes: { h1: { fontSize: '1.375rem' }, h2: { fontSize: '1.0625rem' }, h3: { fontSize: '0.9375rem' } } },
  components: {
    Button: { defaultProps: { size: 'xs' } },
    ActionIcon: { defaultProps: { variant: 'default', size: 'md' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Tooltip: { defaultProps: { withArrow: true, events: { hover: true, focus: true, touch: true }, multiline: true, maw: 360, transitionProps: { duration: 0 } } },
    Badge: { defaultProps: { variant: 'light', radius: 'sm', tt: 'none', fw: 500 } },
  },
});

/**
 * Colours that reach a contrast of 4.5:1 for text and 3:1 for controls in both
 * schemes; the library's own fall short for dimmed text and light badges.
 */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5c636a',
    '--mantine-color-placeholder': '#6b7278',
    '--mantine-color-error': '#c2181e',
    '--mantine-color-green-light-color': '#1b6b2c',
    '--mantine-color-red-light-color': '#b01818',
    '--mantine-color-yellow-light-color': '#7a4a00',
    '--mantine-color-gray-light-color': '#495057',
    '--mantine-color-indigo-light-color': '#3347b5',
    '--cdds-control-border': '#868e96',
    '--cdds-hover': '#f1f3f5',
    '--cdds-selected': '#edf2ff',
    '--cdds-good': '#2b8a3e',
    '--cdds-bad': '#c92a2a',
    '--cdds-accent': '#4263eb',
  },
  dark: {
    '--mantine-color-dimmed': '#a6adb4',
    '--mantine-color-placeholder': '#9299a0',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-gray-light-color': '#c1c7cd',
    '--mantine-color-anchor': '#91a7ff',
    '--mantine-color-indigo-light-color': '#b4c2ff',
    '--cdds-control-border': '#868e96',
    '--cdds-hover': '#2e2e2e',
    '--cdds-selected': '#262c45',
    '--cdds-good': '#69db7c',
    '--cdds-bad': '#ff8787',
    '--cdds-accent': '#91a7ff',
  },
});
