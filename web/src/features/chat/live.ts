// The turn that is being answered: heard through breaks, shown once a frame.
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { TurnEvent } from "@/lib/api/events";
import { listen } from "@/lib/sse";
import { type Answer, emptyAnswer, fold } from "./answer";

export interface Live {
  turn: string;
  /** The message that is answered; unknown until the first event, after a reload. */
  question: string | null;
  answer: Answer;
  connected: boolean;
}

/** How a turn ended, for this page: it was kept, or the server does not know it (any more). */
export type End = (live: Live, lost: boolean) => void;

/** Events fold into `current` at once, and are told to React once a frame: 200 tokens a second are 60 renderings. */
class TurnStore {
  current: Live;
  private shown: Live;
  private frame = 0;
  private readonly listeners = new Set<() => void>();
  private readonly abort = new AbortController();

  constructor(turn: string, question: string | null) {
    this.current = this.shown = { turn, question, answer: emptyAnswer(), connected: true };
  }

  snapshot = () => this.shown;

  subscribe = (tell: () => void) => {
    this.listeners.add(tell);
    return () => this.listeners.delete(tell);
  };

  async run(ended: End): Promise<void> {
    const { turn } = this.current;
    const onEvent = ({ data }: { data: string }) => {
      const event = JSON.parse(data) as TurnEvent;
      const question = event.type === "begun" ? event.question : this.current.question;
      this.change({ ...this.current, question, answer: fold(this.current.answer, event), connected: true });
    };
    const onBreak = () => this.change({ ...this.current, connected: false });
    const signal = this.abort.signal;
    let lost = false;
    try {
      await listen(`/api/turns/${turn}/events`, ({ name }) => name === "kept", { onEvent, onBreak, signal });
    } catch {
      lost = true;
    }
    if (!signal.aborted) ended(this.current, lost);
  }

  stop(): void {
    this.abort.abort();
    cancelAnimationFrame(this.frame);
  }

  private change(live: Live): void {
    this.current = live;
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.shown = this.current;
      this.listeners.forEach((tell) => tell());
    });
  }
}

const NOTHING = { snapshot: () => null, subscribe: () => () => false };

/** Hears the turn `turn`, if there is one. */
export function useLive(turn: string | null, question: string | null, ended: End): Live | null {
  const endRef = useRef(ended);
  useEffect(() => {
    endRef.current = ended;
  });
  // The question belongs to the turn and does not change with it.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const store = useMemo(() => (turn ? new TurnStore(turn, question) : null), [turn]);
  useEffect(() => {
    if (!store) return;
    void store.run((live, lost) => endRef.current(live, lost));
    return () => store.stop();
  }, [store]);
  return useSyncExternalStore<Live | null>((store ?? NOTHING).subscribe, (store ?? NOTHING).snapshot);
}
