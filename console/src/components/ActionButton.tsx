import { ActionIcon, Button, Loader, Tooltip } from '@mantine/core';
import type { MouseEvent, ReactNode } from 'react';

type Props = {
  label: string;
  icon?: ReactNode;
  onClick: () => void;
  /** Why it cannot be done now; the button stays focusable, so that the reason can be read. */
  reason?: string;
  /** Shows the label beside the icon, where there is room. */
  wide?: boolean;
  danger?: boolean;
  busy?: boolean;
};

/**
 * A toolbar button that says why it is disabled, on hover and on focus. It is
 * never disabled for the browser, not even while it works: that would take the
 * focus away from those who go by keyboard.
 */
export function ActionButton({ label, icon, onClick, reason, wide, danger, busy }: Props) {
  const disabled = reason !== undefined;
  const shared = {
    variant: 'default' as const,
    'aria-disabled': disabled || undefined,
    'data-disabled': disabled || undefined,
    'aria-busy': busy || undefined,
    'aria-label': label,
    c: danger && !disabled ? 'var(--cdds-bad)' : undefined,
    onClick: (event: MouseEvent) => {
      event.preventDefault();
      if (!disabled && !busy) onClick();
    },
  };
  const shown = busy ? <Loader size={14} color="gray" aria-hidden /> : icon;
  const button = wide ? <Button {...shared} className="wide-button" leftSection={shown}><span className={icon ? 'wide-label' : undefined}>{label}</span></Button> : <ActionIcon {...shared} size={30}>{shown}</ActionIcon>;
  return <Tooltip label={disabled ? `${label}: ${reason}` : label}>{button}</Tooltip>;
}
