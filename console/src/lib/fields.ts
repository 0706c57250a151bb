/** The API's errors as sentences at their fields. They begin with a verb there: "must have 12 to 256 characters." */
export function fieldErrors(fields: { field: string; message: string }[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ field, message }) => [field, `This ${message}`]));
}
