import { Alert, Button, Group, Modal, SimpleGrid, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useBlocker, useNavigate } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { api, asProblem, type Job } from '../../api/client';
import { refresh } from '../../api/live';
import { ButtonLink } from '../../components/links';
import { confirmed } from '../../components/notify';
import { PageHead } from '../../components/PageHead';
import { newKey } from '../../lib/key';
import { fromServer, toSpec, validate, type Values } from './form';
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
  const leave = useLeaving(() => form.isDirty() && !done.current);
  const focusFirst = () => setTimeout(() => document.querySelector<HTMLElement>('form [aria-invalid="true"]')?.focus());
  return (
    <form noValidate onSubmit={form.onSubmit((values) => save.mutate(values, { onError: focusFirst }), focusFirst)}>
      <PageHead title={heading}>
        <Group gap="xs">
          <ButtonLink variant="default" to="/jobs">Cancel</ButtonLink>
          <Button type="submit" loading={save.isPending} disabled={oneTime}>Save</Button>
        </Group>
      </PageHead>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">Fields with * are mandatory. All times are UTC unless a time zone is chosen.</Text>
        {oneTime && <OneTime id={job.id} />}
        {refused && <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />} title="The job was not saved">{refused}</Alert>}
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl" verticalSpacing="lg">
          <Stack gap="lg">
            <WhatFields form={form} />
          </Stack>
          <Stack gap="lg">
            <WhenFields form={form} />
            <PreviewPane values={form.values} />
          </Stack>
        </SimpleGrid>
      </Stack>
      <Modal opened={leave.asking} onClose={leave.stay} title="Leave without saving?" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">What you changed in this job is not saved and will be lost.</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={leave.stay} data-autofocus>Stay</Button>
            <Button color="red" onClick={leave.go}>Leave</Button>
          </Group>
        </Stack>
      </Modal>
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
      void navigate({ to: '/jobs' });
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

/** Asks before unsaved changes are lost, on links and on closing the tab. */
function useLeaving(unsaved: () => boolean) {
  const latest = useRef(unsaved);
  latest.current = unsaved;
  const blocker = useBlocker({ shouldBlockFn: () => latest.current(), enableBeforeUnload: () => latest.current(), withResolver: true });
  return useMemo(() => ({
    asking: blocker.status === 'blocked',
    stay: () => blocker.reset?.(),
    go: () => blocker.proceed?.(),
  }), [blocker]);
}
