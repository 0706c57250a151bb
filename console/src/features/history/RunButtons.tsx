import { IconBan, IconCopy, IconFileZip, IconReload, IconTrash } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import type { Run } from '../../api/client';
import { administratorOnly, useRights } from '../../app/session';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { counted } from '../../lib/amount';
import { utc } from '../../lib/time';
import { useRunActions } from './actions';
import { exportsAgain, single, whyNotCancel, whyNotDelete, whyNotFiles, whyNotRetry } from './rules';

type Props = { selected: Run[]; onDeleted: () => void; onRetried?: (run: Run) => void };

const size = 16;
const roleMayNot = 'your role may not do this';

/** What can be done with runs: those selected in the list, or the one whose details are open. */
export function RunButtons({ selected, onDeleted, onRetried }: Props) {
  const can = useRights();
  const navigate = useNavigate();
  const { cancel, retry, remove } = useRunActions();
  const [run] = selected;
  const askDelete = () => askToDelete({
    title: `Delete ${counted(selected.length, 'run')}?`, names: selected.map((r) => `${r.job.title}, ${utc(r.scheduledFor)} UTC`), action: `Delete ${counted(selected.length, 'run')}`,
    consequence: 'Their artifacts are deleted with them, also those nobody has downloaded. This cannot be undone.',
    onConfirm: () => remove.mutate(selected, { onSuccess: onDeleted }),
  });
  return (
    <>
      <ActionButton label="Show files" wide icon={<IconFileZip size={size} aria-hidden />} reason={can.seeArtifacts ? whyNotFiles(selected) : roleMayNot} onClick={() => void navigate({ to: '/artifacts', search: { run: run!.id } })} />
      <ActionButton label="Clone this instance" wide icon={<IconCopy size={size} aria-hidden />} reason={can.manageJobs ? single(selected) : administratorOnly} onClick={() => void navigate({ to: '/jobs/new', search: { cloneRun: run!.id } })} />
      <ActionButton label={exportsAgain(selected.length === 1 ? run : undefined) ? 'Export again' : 'Retry'} wide icon={<IconReload size={size} aria-hidden />} reason={can.startRuns ? whyNotRetry(selected) : roleMayNot} busy={retry.isPending} onClick={() => retry.mutate(run!, { onSuccess: ({ data }) => data && onRetried?.(data) })} />
      <ActionButton label="Cancel" wide icon={<IconBan size={size} aria-hidden />} reason={can.cancelRuns ? whyNotCancel(selected) : roleMayNot} busy={cancel.isPending} onClick={() => cancel.mutate(selected)} />
      <ActionButton label="Delete" icon={<IconTrash size={size} aria-hidden />} danger reason={can.deleteRuns ? whyNotDelete(selected) : administratorOnly} busy={remove.isPending} onClick={askDelete} />
    </>
  );
}
