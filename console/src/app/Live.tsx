import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { follow, type LiveState } from '../api/live';
import { runStates } from '../components/RunStatus';

const LiveContext = createContext<LiveState>('connecting');

/** How often lists are asked for while the event stream is down. Milliseconds. */
const pollEvery = 5_000;

/** One event stream for the whole console. */
export function Live({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');
  const [said, setSaid] = useState('');
  useEffect(() => follow(client, {
    state: setState,
    ended: (run) => {
      const words = runStates[run.state].label.toLowerCase();
      if (run.finishedAt) setSaid(`${run.job.title}: ${words}.`);
    },
  }), [client]);
  return (
    <LiveContext.Provider value={state}>
      {children}
      <div className="visually-hidden" role="status" aria-live="polite">{said}</div>
    </LiveContext.Provider>
  );
}

export const useLiveState = () => useContext(LiveContext);

/** For lists: ask again by the clock only while nothing is pushed. */
export function usePolling(): number | false {
  return useLiveState() === 'interrupted' ? pollEvery : false;
}
