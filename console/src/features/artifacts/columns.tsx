import { ActionIcon, Badge, Group, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconDownload, IconTerminal2 } from '@tabler/icons-react';
import { useMemo } from 'react';
import type { Artifact } from '../../api/client';
import { column, type Columns } from '../../components/DataTable';
import { Damaged } from '../../components/Damaged';
import { FilterMenu } from '../../components/FilterMenu';
import { TextLink } from '../../components/links';
import { Utc } from '../../components/Utc';
import { bytes } from '../../lib/amount';
import { firstPage, join, split } from '../../lib/list';
import { utc } from '../../lib/time';
import { shortName, typeNames, typeOptions } from '../../lib/words';
import { contentPath } from './decrypt';
import type { ArtifactsSearch } from './search';

/** The columns of Artifacts. */
export function useArtifactColumns(search: ArtifactsSearch, onSearch: (change: Partial<ArtifactsSearch>) => void, onDecrypt: (a: Artifact) => void): Columns<Artifact> {
  // New columns are new elements: what the focus was on would be gone. Only what the filters show makes new ones.
  const key = JSON.stringify([search.type]);
  return useMemo(() => [
    column<Artifact>('name', { label: 'Name' }, (a) => (
      <Group gap={6} wrap="nowrap"><span title={a.name}>{shortName(a.name)}</span>{a.damaged && <Damaged reason={a.damaged.reason} />}</Group>
    )),
    column<Artifact>('type', { label: 'Type', filter: <FilterMenu label="type" options={typeOptions} value={split(search.type)} onChange={(type) => onSearch({ type: join(type), ...firstPage })} /> }, (a) => typeNames[a.type] ?? a.type),
    column<Artifact>('title', { label: 'Job', grow: true }, (a) => <TextLink to="/history" search={{ run: a.runId }} size="sm" title={`${a.title}: show the run`}>{a.title}</TextLink>),
    column<Artifact>('part', { label: 'Part', num: true }, (a) => `${a.part} of ${a.parts}`, false),
    column<Artifact>('size', { label: 'Size', num: true }, (a) => bytes(a.size)),
    column<Artifact>('createdAt', { label: 'Created (UTC)' }, (a) => <Utc at={a.createdAt} />),
    column<Artifact>('expiresAt', { label: 'Remaining Days', num: true }, (a) => <RemainingDays artifact={a} />),
    column<Artifact>('recipients', { label: 'Recipients', minor: true }, (a) => <Recipients fingerprints={a.recipients ?? []} />, false),
    column<Artifact>('actions', { label: 'Get' }, (a) => <RowActions artifact={a} onDecrypt={onDecrypt} />, false),
    // eslint-disable-next-line react-hooks/exhaustive-deps
  ], [key]);
}

/** Days until the file is removed: yellow from three on, red on the last. */
export function RemainingDays({ artifact: { remainingDays: days, expiresAt } }: { artifact: Artifact }) {
  const when = `Removed at ${utc(expiresAt)} UTC`;
  if (days > 3) return <span title={when}>{days}</span>;
  return (
    <Tooltip label={`${when}. Download it before then.`}>
      <Badge color={days <= 1 ? 'red' : 'yellow'} leftSection={<IconAlertTriangle size={12} aria-hidden />} tabIndex={0} role="note">{days}</Badge>
    </Tooltip>
  );
}

function Recipients({ fingerprints }: { fingerprints: string[] }) {
  return <span title={fingerprints.join('\n')}>{fingerprints.map((f) => f.slice(0, 8)).join(', ')}</span>;
}

function RowActions({ artifact, onDecrypt }: { artifact: Artifact; onDecrypt: (a: Artifact) => void }) {
  return (
    <Group gap={4} wrap="nowrap">
      <Tooltip label="Download">
        <ActionIcon component="a" href={contentPath(artifact.id)} download size={26} variant="subtle" color="gray" aria-label={`Download ${artifact.name}`}><IconDownload size={16} aria-hidden /></ActionIcon>
      </Tooltip>
      <Tooltip label="How to decrypt it">
        <ActionIcon size={26} variant="subtle" color="gray" aria-label={`How to decrypt ${artifact.name}`} onClick={() => onDecrypt(artifact)}><IconTerminal2 size={16} aria-hidden /></ActionIcon>
      </Tooltip>
    </Group>
  );
}
