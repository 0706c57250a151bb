import { Alert, Button, Fieldset, Group, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { api, asProblem, type Job } from '../../api/client';
import { refresh } from '../../api/live';
import { ActionButton } from '../../components/ActionButton';
import { ButtonLink } from '../../components/links';
import { confirmed } from '../../components/notify';
import { PageHead } from '../../components/PageHead';
import { newKey } from '../../lib/key';
import { lastPlace } from '../jobs/place';
import { fromServer, toSpec, validate, type Values } from './form';
import { Leaving } from './Leaving';
import { PreviewPane } from './PreviewPane';
import { WhatFields } from './WhatFields';
import { WhenFields } from './WhenFields';

type Props = { heading: string; initial: Values; job?: Job };

export function useEditorForm(initial: Values) {
  return useForm<Values>({ initialValues: initial, validate, validateInputOnBlur: true });
}
export type EditorForm = ReturnType<typeof useEditorForm>;

/** The job editor. It saves to the API, and shows its errors at their fields. */
export function Editor({ heading, initial, job }: Props) {
  const form = useEditorForm(initial);
  const { save, refused, done } = useSave(form, job);
  const oneTime = job?.schedule.kind === 'once';
  const focusFirst = () => setTimeout(() => document.querySelector<HTMLElement>('form [aria-invalid="true"]')?.focus());
  return (
    <form noValidate onSubmit={form.onSubmit((values) => { if (!oneTime) save.mutate(values, { onError: focusFirst }); }, focusFirst)}>
      <div className="editor-head">
        <PageHead title={heading}>
          <Group gap="xs">
            <ButtonLink variant="default" to="/jobs" search={lastPlace()}>Cancel</ButtonLink>
            {oneTime
              ? <ActionButton label="Save" wide reason="a one-time job cannot be edited once it is submitted; clone it instead" onClick={() => {}} />
              : <Button type="submit" loading={save.isPending}>Save</Button>}
          </Group>
        </PageHead>
      </div>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">Fields with * are mandatory. All times are UTC unless a time zone is chosen.</Text>
        {oneTime && <OneTime id={job.id} />}
        {refused && <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />} title="The job was not saved">{refused}</Alert>}
        <Fieldset variant="unstyled" disabled={oneTime} className="editor">
          <Stack gap="lg" className="editor-what"><WhatFields form={form} /></Stack>
          <Stack gap="lg" className="editor-when"><WhenFields form={form} /></Stack>
          <div className="editor-preview"><PreviewPane values={form.values} idle={oneTime && !job.nextStartsAt} /></div>
        </Fieldset>
      </Stack>
      <Leaving unsaved={() => form.isDirty() && !done.current} />
    </form>
  );
}

function OneTime({ id }: { id: string }) {
  return (
    <Alert color="yellow" role="status" title="A one-time job cannot be edited once it is submitted">
      <ButtonLink variant="default" to="/jobs/new" search={{ cloneJob: id }}>Clone it instead</ButtonLink>
    </Alert>
  );
}

/** Saving: a create that is repeated with the same content makes one job, not two. */
function useSave(form: EditorForm, job: Job | undefined) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [refused, setRefused] = useState('');
  const attempt = useRef({ body: '', key: '' });
  const done = useRef(false);
  const save = useMutation({
    mutationFn: async (values: Values) => {
      setRefused('');
      const body = toSpec(values);
      const text = JSON.stringify(body);
      if (attempt.current.body !== text) attempt.current = { body: text, key: newKey() };
      if (job) return api.PUT('/api/v1/jobs/{id}', { params: { path: { id: job.id } }, body });
      return api.POST('/api/v1/jobs', { params: { header: { 'Idempotency-Key': attempt.current.key } }, body });
    },
    onSuccess: (_, values) => {
      done.current = true;
      void client.invalidateQueries({ queryKey: ['get', '/api/v1/jobs/{id}'] });
      refresh(client);
      confirmed(`Saved "${values.title.trim()}".`);
      // A new job stands first in the whole list; an edited one is where it was.
      void navigate({ to: '/jobs', search: job ? lastPlace() : {} });
    },
    onError: (error) => {
      const problem = asProblem(error);
      const { errors, other } = fromServer(problem.fields);
      form.setErrors(errors);
      setRefused([problem.message, ...other, problem.hint].filter(Boolean).join(' '));
    },
  });
  return { save, refused, done };
}
