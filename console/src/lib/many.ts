/** How a change of several things ended. */
export type Outcome<T> = { done: T[]; failed: { item: T; error: unknown }[] };

const atOnce = 4;

/** Does something for each item, a few at a time, and goes on where one fails. */
export async function forEach<T>(items: T[], act: (item: T) => Promise<unknown>): Promise<Outcome<T>> {
  const outcome: Outcome<T> = { done: [], failed: [] };
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await act(item);
        outcome.done.push(item);
      } catch (error) {
        outcome.failed.push({ item, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return outcome;
}
