import createFetchClient from 'openapi-fetch';
import createQueryClient from 'openapi-react-query';
import type { components, paths } from './schema.gen';
import { clock } from '../lib/time';

type Schemas = components['schemas'];
export type Me = Schemas['Me'];
export type Job = Schemas['Job'];
export type JobSpec = Schemas['JobSpec'];
export type FrozenJob = Schemas['FrozenJob'];
export type Schedule = Schemas['Schedule'];
export type Timeframe = Schemas['Timeframe'];
export type Run = Schemas['Run'];
export type RunSummary = Schemas['RunSummary'];
export type RunState = Run['state'];
export type Progress = Schemas['Progress'];
export type Artifact = Schemas['Artifact'];
export type Certificate = Schemas['Certificate'];
export type AuditLine = Schemas['AuditLine'];
export type Recipient = Schemas['Recipient'];
export type Token = Schemas['Token'];
export type NewToken = Schemas['NewToken'];
export type Session = Schemas['Session'];
export type User = Schemas['User'];
export type Node = Schemas['Node'];
export type Overview = Schemas['Overview'];
export type Tenant = Schemas['Tenant'];
export type Preview = Schemas['Preview'];
export type ProblemBody = Schemas['Problem'];

/** What a failed request says about itself, in the form that pages show. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: ProblemBody['code'] | 'offline',
    message: string,
    readonly hint: string,
    readonly fields: { field: string; message: string }[],
  ) {
    super(message);
  }
}

/** Called when a request finds that the session has ended. */
let sessionEnded: () => void = () => {};
export function onSessionEnd(call: () => void) {
  sessionEnded = call;
}

/**
 * Sends a request and turns every failure into a Problem: no connection, a
 * refusal by the API, or an answer that is not the API's (a proxy's page).
 */
async function send(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await globalThis.fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Problem(0, 'offline', 'The service cannot be reached.', 'Check your connection; CDDS tries again by itself.', []);
  }
  clock.learn(response.headers.get('Date'));
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && !new URL(request.url).pathname.endsWith('/session')) sessionEnded();
  throw problem;
}

async function problemOf(response: Response): Promise<Problem> {
  if (response.headers.get('Content-Type')?.startsWith('application/problem+json')) {
    const body = (await response.json()) as ProblemBody;
    return new Problem(body.status, body.code, body.detail, body.hint ?? '', body.errors ?? []);
  }
  return new Problem(response.status, 'unavailable', `The service answered with ${response.status}.`, 'Try again in a moment.', []);
}

/** The API's client, typed by its own OpenAPI document. */
export const api = createFetchClient<paths>({ baseUrl: new URL('/', globalThis.location.href).href, fetch: send });

/** The same client as queries and mutations. */
export const $api = createQueryClient(api);

/** The error of a query or mutation as a Problem, whatever was thrown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, 'internal', error instanceof Error ? error.message : 'Something went wrong in the console.', 'Reload the page.', []);
}
