/** A certificate as the API takes it: PEM as it is, DER in base64. */
export function certificateText(content: ArrayBuffer | string): string {
  if (typeof content === 'string') return content;
  const latin1 = Array.from(new Uint8Array(content), (byte) => String.fromCharCode(byte)).join('');
  return latin1.includes('-----BEGIN ') ? latin1 : btoa(latin1);
}
