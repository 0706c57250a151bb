import { ActionIcon, Button, Tooltip } from '@mantine/core';
import type { MouseEvent, ReactNode } from 'react';

type Props = {
  label: string;
  icon: ReactNode;
  onClick: () => void;
  /** Why it cannot be done now; the button stays focusable, so that the reason can be read. */
  reason?: string;
  /** Shows the label beside the icon. */
  wide?: boolean;
  danger?: boolean;
  busy?: boolean;
};

/** A toolbar button that says why it is disabled, on hover and on focus. */
export function ActionButton({ label, icon, onClick, reason, wide, danger, busy }: Props) {
  const disabled = reason !== undefined;
  const shared = {
    variant: 'default' as const,
    'aria-disabled': disabled || undefined,
    'data-disabled': disabled || undefined,
    'aria-label': wide ? undefined : label,
    loading: busy,
    c: danger && !disabled ? 'var(--cdds-bad)' : undefined,
    onClick: (event: MouseEvent) => {
      event.preventDefault();
      if (!disabled) onClick();
    },
  };
  const button = wide ? <Button {...shared} leftSection={icon}>{label}</Button> : <ActionIcon {...shared} size={30}>{icon}</ActionIcon>;
  return <Tooltip label={disabled ? `${label}: ${reason}` : label}>{button}</Tooltip>;
}
