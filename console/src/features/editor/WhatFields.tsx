import { Fieldset, Group, NumberInput, Select, Stack, Switch, TagsInput, Textarea, TextInput } from '@mantine/core';
import { $api } from '../../api/client';
import { typeOptions } from '../../lib/words';
import type { EditorForm } from './Editor';

/** What is exported: title, source, type, media types, size of the files. */
export function WhatFields({ form }: { form: EditorForm }) {
  const { values } = form;
  return (
    <>
      <Fieldset legend="What">
        <Stack gap="sm">
          <TextInput label="Title" required maxLength={400} {...form.getInputProps('title')} />
          <Textarea label="Description" autosize minRows={2} maxRows={6} {...form.getInputProps('description')} />
          <Select
            label="Source" required allowDeselect={false} {...form.getInputProps('source')}
            description="Info Mart is listed for completeness: exporting from it is not supported."
            data={[{ value: 'contact_history', label: 'Contact History' }, { value: 'info_mart', label: 'Info Mart (not supported)', disabled: true }]}
          />
          <Select label="Type" required allowDeselect={false} data={typeOptions} {...form.getInputProps('type')} />
          {values.type === 'interaction' && <MediaTypes form={form} />}
        </Stack>
      </Fieldset>
      <Fieldset legend="File Split Size">
        <Stack gap="sm">
          <Select
            label="Files" allowDeselect={false} value={values.split ? 'split' : 'one'} onChange={(v) => form.setFieldValue('split', v === 'split')}
            data={[{ value: 'one', label: 'Not specified: one file' }, { value: 'split', label: 'Split into files of at most ...' }]}
            description="Each file of a split export decrypts and unzips by itself. OpenSSL cannot open files above 2 GB; cdds decrypt opens any size."
          />
          {values.split && (
            <Group gap="xs" align="flex-start" wrap="nowrap">
              <NumberInput label="File split size" required min={1} decimalScale={2} w={150} {...form.getInputProps('splitSize')} />
              <Select label="Unit" allowDeselect={false} data={['MiB', 'GiB', 'TiB']} w={90} {...form.getInputProps('splitUnit')} />
            </Group>
          )}
        </Stack>
      </Fieldset>
    </>
  );
}

/** All media types, or some: those that the source has, and any other by name. */
function MediaTypes({ form }: { form: EditorForm }) {
  const offered = $api.useQuery('get', '/api/v1/media-types', {}, { staleTime: 60_000, enabled: !form.values.allMedia });
  return (
    <>
      <Switch label="Job applies to media types: all" {...form.getInputProps('allMedia', { type: 'checkbox' })} />
      {!form.values.allMedia && (
        <TagsInput
          label="Media Types" required clearable maxLength={32} data={offered.data?.mediaTypes ?? []} placeholder="Choose or type a name"
          description={offered.isError ? 'The source does not answer now; type the names.' : 'Those the source has are offered; any other name may be typed, and ends with Enter.'}
          clearButtonProps={{ 'aria-label': 'Clear the media types' }} {...form.getInputProps('mediaTypes')}
        />
      )}
    </>
  );
}
