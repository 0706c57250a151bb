import { Button, FileButton, Group, Stack, Text, Textarea } from '@mantine/core';
import { IconUpload } from '@tabler/icons-react';
import { useRef, useState, type DragEvent } from 'react';

/** The service takes no more than this. */
const largest = 64 * 1024;

const privateKey = 'This holds a private key. It was not sent: keep it to yourself, and import the certificate that belongs to it.';

/** Whether a file holds a private key in PEM. Such a file does not leave the browser. */
export function holdsPrivateKey(content: ArrayBuffer | string): boolean {
  const text = typeof content === 'string' ? content : new TextDecoder('latin1').decode(content);
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
}

type Props = { replaces: boolean; busy: boolean; onContent: (content: ArrayBuffer | string) => void };

/** Takes a certificate by the file picker, by drag and drop, or pasted. */
export function ImportCertificate({ replaces, busy, onContent }: Props) {
  const [over, setOver] = useState(false);
  const [pasted, setPasted] = useState('');
  const [refused, setRefused] = useState('');
  const take = (content: ArrayBuffer | string) => {
    if (holdsPrivateKey(content)) {
      setRefused(privateKey);
      setPasted('');
      return;
    }
    setRefused('');
    onContent(content);
  };
  // Without it the browser stays silent when the same file is chosen again.
  const resetFile = useRef<() => void>(null);
  const takeFile = async (file: File | null | undefined) => {
    if (!file) return;
    resetFile.current?.();
    if (file.size > largest) setRefused(`${file.name} is too large for a certificate; at most 64 KiB are taken.`);
    else take(await file.arrayBuffer());
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void takeFile(event.dataTransfer.files[0]);
  };
  return (
    <Stack gap="sm">
      <div className="drop" data-over={over} data-testid="drop" onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
        <Stack gap="xs" align="center">
          <Text size="sm">Drop a certificate file here (PEM or DER), or</Text>
          <FileButton resetRef={resetFile} onChange={(file) => void takeFile(file)} accept=".pem,.crt,.cer,.der,application/x-pem-file,application/pkix-cert" inputProps={{ 'aria-label': 'Certificate file' }}>
            {(props) => <Button {...props} variant="default" loading={busy} leftSection={<IconUpload size={15} aria-hidden />}>{replaces ? 'Choose a file to replace it' : 'Choose a file'}</Button>}
          </FileButton>
        </Stack>
      </div>
      {refused && <Text size="sm" c="var(--mantine-color-error)" role="alert">{refused}</Text>}
      <form onSubmit={(e) => { e.preventDefault(); take(pasted); }}>
        <Textarea label="Or paste it here (PEM)" autosize minRows={3} maxRows={8} value={pasted} onChange={(e) => setPasted(e.currentTarget.value)} placeholder="-----BEGIN CERTIFICATE-----" spellCheck={false} />
        <Group mt="xs"><Button type="submit" variant="default" disabled={!pasted.trim()} loading={busy}>Import what is pasted</Button></Group>
      </form>
    </Stack>
  );
}
