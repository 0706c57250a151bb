import { ActionIcon, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { failed } from './notify';

/** Copies a text. Without TLS browsers give pages no clipboard; then the older way is tried. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('The browser does not let this page copy. Select the text and copy it yourself.');
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const click = async () => {
    try {
      await copy(text);
    } catch (error) {
      failed('Nothing was copied', error);
      return;
    }
    setDone(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(false), 2000);
  };
  return (
    <Tooltip label={done ? 'Copied' : label}>
      <ActionIcon size={26} variant="subtle" color={done ? 'green' : 'gray'} aria-label={done ? `${label}: copied` : label} onClick={() => void click()}>
        {done ? <IconCheck size={15} aria-hidden /> : <IconCopy size={15} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}
