import { Alert, Stack } from '@mantine/core';
import { IconAlertTriangle, IconCertificate, IconCloudOff } from '@tabler/icons-react';
import { TextLink } from '../components/links';
import { daysUntil } from '../lib/time';
import { useLiveState } from './Live';
import { useMe, useRights } from './session';

/** What everybody must know on every page: no valid certificate, no live updates. */
export function Banners() {
  const interrupted = useLiveState() === 'interrupted';
  return (
    <Stack gap="xs" mb={0}>
      {interrupted && (
        <Alert color="yellow" p="xs" mb="sm" icon={<IconCloudOff size={16} aria-hidden />} role="status">
          Live updates are interrupted. The lists are asked for every few seconds until the connection is back.
        </Alert>
      )}
      <CertificateBanner />
    </Stack>
  );
}

function CertificateBanner() {
  const { certificate } = useMe();
  const can = useRights();
  if (!can.preferences) return null;
  const way = <TextLink to="/preferences" fw={600} inherit underline="always" c="inherit">Open User preferences</TextLink>;
  if (!certificate) {
    return (
      <Alert color="red" p="xs" mb="sm" icon={<IconCertificate size={16} aria-hidden />} role="status">
        You have no certificate yet, so nothing can be exported for you. {way} to import one.
      </Alert>
    );
  }
  if (!certificate.valid) {
    return (
      <Alert color="red" p="xs" mb="sm" icon={<IconAlertTriangle size={16} aria-hidden />} role="status">
        Your certificate is not valid now, so your exports fail. {way} to replace it.
      </Alert>
    );
  }
  if (certificate.warnAfterDays > 0) {
    const days = Math.max(0, daysUntil(certificate.notAfter));
    return (
      <Alert color="yellow" p="xs" mb="sm" icon={<IconAlertTriangle size={16} aria-hidden />} role="status">
        Your certificate ends in {days === 1 ? '1 day' : `${days} days`}. {way} to replace it before then.
      </Alert>
    );
  }
  return null;
}
