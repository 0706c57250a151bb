import { expect, it } from 'vitest';
import { certificateText } from './text';

const bytes = (...values: number[]) => new Uint8Array(values).buffer;

it('leaves PEM as it is', () => {
  expect(certificateText('-----BEGIN CERTIFICATE-----\nMIIB')).toBe('-----BEGIN CERTIFICATE-----\nMIIB');
  expect(certificateText(new TextEncoder().encode('-----BEGIN CERTIFICATE-----\nMIIB').buffer)).toBe('-----BEGIN CERTIFICATE-----\nMIIB');
});

it('gives DER in base64', () => {
  expect(certificateText(bytes(0x30, 0x82, 0xff, 0x00))).toBe('MIL/AA==');
});
