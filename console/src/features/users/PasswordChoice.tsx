import { PasswordInput, Radio, Stack } from '@mantine/core';
import type { ReactNode } from 'react';

export const shortest = 12;

export type Choice = { generate: boolean; password: string };

export const generated: Choice = { generate: true, password: '' };

/** What goes to the API: null has a password made there. */
export const chosen = ({ generate, password }: Choice) => (generate ? null : password);

/** What is wrong with a typed password, as far as the browser can tell. */
export function brokenChoice({ generate, password }: Choice): string | null {
  return generate || [...password].length >= shortest ? null : `Enter a password of at least ${shortest} characters.`;
}

type Props = { value: Choice; onChange: (value: Choice) => void; error?: ReactNode };

/** A password that is generated and shown once, or typed. */
export function PasswordChoice({ value, onChange, error }: Props) {
  return (
    <Stack gap="xs">
      <Radio.Group label="Password" value={value.generate ? 'generate' : 'type'} onChange={(how) => onChange({ ...value, generate: how === 'generate' })}>
        <Stack gap="xs" mt={4}>
          <Radio value="generate" label="Generate one, and show it once" />
          <Radio value="type" label="Type one" />
        </Stack>
      </Radio.Group>
      {!value.generate && (
        <PasswordInput
          label="New password" required description="12 to 256 characters. Tell it to the user in a safe way." autoComplete="new-password" maxLength={256} error={error}
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }} value={value.password} onChange={(e) => onChange({ ...value, password: e.currentTarget.value })}
        />
      )}
    </Stack>
  );
}
