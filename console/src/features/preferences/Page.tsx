import { Fieldset, Radio, Stack, Text, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { useMe, useRights } from '../../app/session';
import { PageHead } from '../../components/PageHead';
import { CertificatePart } from './CertificatePart';
import { EncryptionPart } from './EncryptionPart';
import { PasswordPart } from './PasswordPart';
import { SessionsPart } from './SessionsPart';
import { TokensPart } from './TokensPart';

/** User preferences: the certificate that one's exports are encrypted to, how they are, the password, the theme, API tokens, and where one is signed in. */
export function PreferencesPage() {
  const can = useRights();
  const { singleSignOn } = useMe();
  return (
    <Stack maw={820}>
      <PageHead title="User preferences" />
      {can.preferences && <CertificatePart />}
      {can.preferences && <EncryptionPart />}
      {!singleSignOn && <PasswordPart />}
      <Theme />
      <TokensPart />
      <SessionsPart />
    </Stack>
  );
}

function Theme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Fieldset legend="Theme">
      <Radio.Group aria-label="Theme" value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)}>
        <Stack gap="xs">
          <Radio value="light" label="Light" />
          <Radio value="dark" label="Dark" />
          <Radio value="auto" label="System: as your device is set" />
        </Stack>
      </Radio.Group>
      <Text size="sm" c="dimmed" mt="xs">Kept in this browser.</Text>
    </Fieldset>
  );
}
