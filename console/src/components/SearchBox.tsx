import { CloseButton, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';

/** Search by text; asks the server once the typing pauses. */
export function SearchBox({ label, value, onChange }: { label: string; value: string | undefined; onChange: (value: string | undefined) => void }) {
  const [text, setText] = useState(value ?? '');
  useEffect(() => setText(value ?? ''), [value]);
  const change = useDebouncedCallback((next: string) => onChange(next.trim() || undefined), 300);
  const set = (next: string) => {
    setText(next);
    change(next);
  };
  return (
    <TextInput
      type="search" size="xs" w={240} aria-label={label} placeholder={label} value={text} onChange={(e) => set(e.currentTarget.value)}
      leftSection={<IconSearch size={14} aria-hidden />} rightSection={text && <CloseButton size={24} iconSize={14} aria-label="Clear the search" onClick={() => set('')} />}
    />
  );
}
