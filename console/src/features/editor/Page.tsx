import '@mantine/dates/styles.layer.css';
import { getRouteApi } from '@tanstack/react-router';
import { $api } from '../../api/client';
import { useRights } from '../../app/session';
import { PageHead } from '../../components/PageHead';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { Editor } from './Editor';
import { cloneOf, emptyValues, fromJob } from './form';

/** A form begins with what the service has now, never with what the cache had. */
const fresh = { gcTime: 0, staleTime: Infinity, placeholderData: undefined, refetchOnWindowFocus: false } as const;

const newRoute = getRouteApi('/inside/jobs/new');
const editRoute = getRouteApi('/inside/jobs/$id/edit');

/** A new job: empty, or filled with a copy of a job or of the job in a run. Nothing is saved before Save. */
export function NewJobPage() {
  const { cloneJob, cloneRun } = newRoute.useSearch();
  const can = useRights();
  if (!can.manageJobs) return <NotYours />;
  if (cloneJob) return <CloneJob id={cloneJob} />;
  if (cloneRun) return <CloneRun id={cloneRun} />;
  return <Editor key="new" heading="New Contact History Export Job" initial={emptyValues} />;
}

function CloneJob({ id }: { id: string }) {
  const job = $api.useQuery('get', '/api/v1/jobs/{id}', { params: { path: { id } } }, fresh);
  if (!job.data) return <Waiting heading="Clone a job" error={job.error} retry={() => void job.refetch()} />;
  return <Editor key={id} heading="New job, cloned" initial={cloneOf(job.data)} />;
}

function CloneRun({ id }: { id: string }) {
  const run = $api.useQuery('get', '/api/v1/runs/{id}', { params: { path: { id } } }, fresh);
  if (!run.data) return <Waiting heading="Clone a run's job" error={run.error} retry={() => void run.refetch()} />;
  return <Editor key={id} heading="New job, cloned" initial={cloneOf(run.data.job)} />;
}

/** A recurring job. A one-time job cannot be edited: the page says so and offers the clone. */
export function EditJobPage() {
  const { id } = editRoute.useParams();
  const can = useRights();
  const job = $api.useQuery('get', '/api/v1/jobs/{id}', { params: { path: { id } } }, { ...fresh, enabled: can.manageJobs });
  if (!can.manageJobs) return <NotYours />;
  if (!job.data) return <Waiting heading="Edit job" error={job.error} retry={() => void job.refetch()} />;
  return <Editor key={id} heading="Edit job" initial={fromJob(job.data)} job={job.data} />;
}

function Waiting({ heading, error, retry }: { heading: string; error: unknown; retry: () => void }) {
  return (
    <>
      <PageHead title={heading} />
      {error ? <ErrorState error={error} what="The job" retry={retry} /> : <ListSkeleton label="the job" />}
    </>
  );
}

function NotYours() {
  return (
    <>
      <PageHead title="Jobs" />
      <EmptyState title="This needs an administrator">Your role shows jobs, but does not let you create or change them. Ask an administrator of your tenant.</EmptyState>
    </>
  );
}
