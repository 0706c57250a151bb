import type { Job } from '../../api/client';
import { clock } from '../../lib/time';

/** Why a button of the jobs' toolbar is disabled, or nothing. The API decides in the end; this says it before the click. */

const nothing = 'select a job first';
const several = 'select only one job';

const running = (job: Job) => job.latestRun?.state === 'queued' || job.latestRun?.state === 'in_progress';
export const oneTime = (job: Job) => job.schedule.kind === 'once';

export function single(jobs: Job[]): string | undefined {
  if (jobs.length === 0) return nothing;
  return jobs.length > 1 ? several : undefined;
}

export function whyNotEdit(jobs: Job[]): string | undefined {
  const reason = single(jobs);
  if (reason) return reason;
  return oneTime(jobs[0]!) ? 'a one-time job cannot be edited once it is submitted; clone it instead' : undefined;
}

export function whyNotDelete(jobs: Job[]): string | undefined {
  if (jobs.length === 0) return nothing;
  const busy = jobs.filter(running);
  if (busy.length === 0) return undefined;
  const state = busy[0]!.latestRun?.state === 'queued' ? 'queued' : 'in progress';
  return busy.length === 1 ? `a run of "${busy[0]!.title}" is ${state}; cancel it or wait for its end` : `runs of ${busy.length} of these jobs are queued or in progress`;
}

export function whyNotRun(jobs: Job[]): string | undefined {
  const reason = single(jobs);
  if (reason) return reason;
  return oneTime(jobs[0]!) ? 'a one-time job runs once; clone it to run it again' : undefined;
}

export function whyNotSuspend(jobs: Job[]): string | undefined {
  if (jobs.length === 0) return nothing;
  return jobs.some((j) => j.state === 'active') ? undefined : 'all selected jobs are suspended';
}

export function whyNotResume(jobs: Job[]): string | undefined {
  if (jobs.length === 0) return nothing;
  if (jobs.every((j) => j.state === 'active')) return 'all selected jobs are active';
  return jobs.some((j) => whyNotSwitch(j) === undefined && j.state === 'suspended') ? undefined : 'a one-time job cannot be resumed; clone it instead';
}

/** Why a row's slider cannot be moved: a one-time job can only be resumed while its start is to come. */
export function whyNotSwitch(job: Job): string | undefined {
  if (!oneTime(job) || job.state === 'active') return undefined;
  const { startAt } = job.schedule;
  if (startAt && Date.parse(startAt) > clock.now().getTime()) return undefined;
  return 'A one-time job is suspended once it has started, and cannot be resumed. Clone it instead.';
}
