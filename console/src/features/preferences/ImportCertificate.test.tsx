import { MantineProvider } from '@mantine/core';
import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import { ImportCertificate } from './ImportCertificate';

function show() {
  const onContent = vi.fn();
  render(<MantineProvider env="test"><ImportCertificate replaces={false} busy={false} onContent={onContent} /></MantineProvider>);
  return onContent;
}

it('hands on what is pasted', async () => {
  const onContent = show();
  await userEvent.click(screen.getByLabelText(/paste it here/));
  await userEvent.paste('-----BEGIN CERTIFICATE-----');
  await userEvent.click(screen.getByRole('button', { name: 'Import what is pasted' }));
  expect(onContent).toHaveBeenCalledExactlyOnceWith('-----BEGIN CERTIFICATE-----');
});

it('keeps a private key in the browser, and wipes it from the page', async () => {
  const onContent = show();
  await userEvent.click(screen.getByLabelText(/paste it here/));
  await userEvent.paste('-----BEGIN RSA PRIVATE KEY-----\nMII');
  await userEvent.click(screen.getByRole('button', { name: 'Import what is pasted' }));
  expect(onContent).not.toHaveBeenCalled();
  expect(screen.getByRole('alert')).toHaveTextContent('private key');
  expect(screen.getByLabelText(/paste it here/)).toHaveValue('');
});

it('takes a dropped file', async () => {
  const onContent = show();
  const file = new File(['abc'], 'c.der');
  Object.defineProperty(file, 'arrayBuffer', { value: () => Promise.resolve(new TextEncoder().encode('abc').buffer) });
  fireEvent.drop(screen.getByTestId('drop'), { dataTransfer: { files: [file] } });
  await vi.waitFor(() => expect(onContent).toHaveBeenCalledOnce());
});
