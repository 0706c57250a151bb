import { ActionIcon, AppShell, Burger, Group, Menu, NavLink, Text, Tooltip, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBuilding, IconChartBar, IconChevronDown, IconDeviceDesktop, IconFileZip, IconHistory, IconListDetails, IconListSearch, IconLogout, IconMoon, IconServer2, IconSettings, IconSun, IconUsers, IconUsersGroup } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useState, type ReactNode } from 'react';
import { api, type Me } from '../api/client';
import { failed } from '../components/notify';
import { clock, local, utc } from '../lib/time';
import { Banners } from './Banners';
import { AccessDenied } from './AccessDenied';
import { Live } from './Live';
import { afterSignOut, rights, useMe } from './session';

/** The frame of all pages: header, navigation, banners. */
export function Shell() {
  const me = useMe();
  const [open, { toggle, close }] = useDisclosure();
  const path = useRouterState({ select: (s) => s.location.pathname });
  useEffect(close, [path, close]);
  if (!me.role) return <AccessDenied me={me} />;
  return (
    <Live>
      <a className="skip" href="#main">Skip to the content</a>
      <AppShell header={{ height: 48 }} navbar={{ width: 176, breakpoint: 'sm', collapsed: { mobile: !open } }} padding="md">
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap">
            <Group gap="sm" wrap="nowrap">
              <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" aria-expanded={open} />
              <img src="/favicon.svg" alt="" width={22} height={22} />
              <Text fw={600} visibleFrom="xs">Cloud Data Download Service</Text>
              <Text fw={600} hiddenFrom="xs">CDDS</Text>
            </Group>
            <Group gap="sm" wrap="nowrap">
              <Clock />
              <SchemeButton />
              <UserMenu me={me} />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar aria-label="Main"><Navigation path={path} /></AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1}>
          <Banners />
          <Outlet />
        </AppShell.Main>
      </AppShell>
    </Live>
  );
}

function Navigation({ path }: { path: string }) {
  const can = rights(useMe());
  return (
    <>
      <Item to="/" label="Overview" icon={<IconChartBar size={16} aria-hidden />} active={path === '/'} />
      {can.seeJobs && (
        <>
          <div className="nav-group" id="nav-administration">Administration</div>
          <Item to="/jobs" label="Jobs" icon={<IconListDetails size={16} aria-hidden />} active={path.startsWith('/jobs')} />
          {can.manageUsers && <Item to="/users" label="Users" icon={<IconUsers size={16} aria-hidden />} active={path.startsWith('/users')} />}
          {can.manageRecipients && <Item to="/recipients" label="Recipients" icon={<IconUsersGroup size={16} aria-hidden />} active={path.startsWith('/recipients')} />}
          {can.seeAudit && <Item to="/audit" label="Audit" icon={<IconListSearch size={16} aria-hidden />} active={path.startsWith('/audit')} />}
          {can.seeTenant && <Item to="/tenant" label="Tenant" icon={<IconBuilding size={16} aria-hidden />} active={path.startsWith('/tenant')} />}
          {can.seeNodes && <Item to="/nodes" label="Nodes" icon={<IconServer2 size={16} aria-hidden />} active={path.startsWith('/nodes')} />}
        </>
      )}
      <div className="nav-group">Export</div>
      <Item to="/history" label="History" icon={<IconHistory size={16} aria-hidden />} active={path.startsWith('/history')} />
      {can.seeArtifacts && <Item to="/artifacts" label="Artifacts" icon={<IconFileZip size={16} aria-hidden />} active={path.startsWith('/artifacts')} />}
    </>
  );
}

function Item({ to, label, icon, active }: { to: '/' | '/jobs' | '/users' | '/recipients' | '/audit' | '/tenant' | '/nodes' | '/history' | '/artifacts'; label: string; icon: ReactNode; active: boolean }) {
  return <NavLink component={Link} to={to} label={label} leftSection={icon} active={active} aria-current={active ? 'page' : undefined} />;
}

/** The service's clock in UTC: what all schedules go by. */
function Clock() {
  const [now, setNow] = useState(() => clock.now().toISOString());
  useEffect(() => {
    const timer = setInterval(() => setNow(clock.now().toISOString()), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Text size="sm" c="dimmed" visibleFrom="xs" component="time" title={`${local(now)} (your time)`}>
      {utc(now).slice(0, 16)} UTC
    </Text>
  );
}

const schemes = { light: 'dark', dark: 'auto', auto: 'light' } as const;

function SchemeButton() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const name = { light: 'Light', dark: 'Dark', auto: 'System' }[colorScheme];
  const icon = { light: <IconSun size={16} aria-hidden />, dark: <IconMoon size={16} aria-hidden />, auto: <IconDeviceDesktop size={16} aria-hidden /> }[colorScheme];
  const label = `Theme: ${name}`;
  return (
    <Tooltip label={label}>
      <ActionIcon size={30} aria-label={`${label}. Change it.`} onClick={() => setColorScheme(schemes[colorScheme])}>{icon}</ActionIcon>
    </Tooltip>
  );
}

function UserMenu({ me }: { me: Me }) {
  const { username, tenant } = me;
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = async () => {
    try {
      await api.DELETE('/api/v1/session');
    } catch (error) {
      failed('You could not be signed out', error);
      return;
    }
    await navigate({ to: '/sign-in', search: afterSignOut(me) });
    client.clear();
  };
  return (
    <Menu position="bottom-end" withArrow withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <UnstyledButton aria-label={`${username} of ${tenant}, user menu`}>
          <Group gap={4} wrap="nowrap"><Text size="sm" fw={500} maw={140} truncate>{username}</Text><Text size="sm" c="dimmed" maw={140} truncate visibleFrom="sm">{tenant}</Text><IconChevronDown size={14} aria-hidden /></Group>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to="/preferences" leftSection={<IconSettings size={15} aria-hidden />}>User preferences</Menu.Item>
        <Menu.Item leftSection={<IconLogout size={15} aria-hidden />} onClick={() => void signOut()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
