// A training run: what is told of it, heard through breaks.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useReducer, useState } from "react";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { listen } from "@/lib/sse";

export type Run = Schemas["TrainRun"];
export type Plan = Schemas["TrainPlan"];
export type Step = Schemas["TrainStep"];

export type Doing = Schemas["LearnDoing"];

/** How a cycle of learning ended. */
export interface Decided {
  decision: string;
  adapter: string | null;
  because: string;
}

export interface Told {
  plan: Plan | null;
  doing: Doing | null;
  decided: Decided | null;
  steps: Step[];
  remarks: string[];
  saved: number | null;
}

export const NOTHING: Told = { plan: null, doing: null, decided: null, steps: [], remarks: [], saved: null };

type News = { name: "reset" } | { name: string; data: string };

/** What is known after one more event. */
export function told(before: Told, news: News): Told {
  if (!("data" in news)) return NOTHING;
  const data: unknown = JSON.parse(news.data);
  switch (news.name) {
    case "plan":
      return { ...before, plan: data as Plan, doing: null };
    case "doing":
      return { ...before, doing: data as Doing };
    case "decided":
      return { ...before, doing: null, decided: data as Decided };
    case "step":
      return { ...before, steps: [...before.steps, data as Step] };
    case "saved":
      return { ...before, saved: (data as { step: number }).step };
    case "remark":
      return { ...before, remarks: [...before.remarks, (data as { message: string }).message] };
    default:
      return before;
  }
}

export const isOver = (state: string | undefined) => state === "done" || state === "stopped" || state === "failed";

/** Events after which no other comes. */
const LAST = ["done", "decided", "stopped", "failed"];

/** The run of this server, and everything that it has told. */
export function useRun() {
  const client = useQueryClient();
  const query = useQuery({
    queryKey: ["train"],
    queryFn: () => unwrap(api.GET("/api/train")),
    refetchInterval: ({ state }) => (state.data?.run && !isOver(state.data.run.state) ? 1500 : false),
  });
  const [known, tell] = useReducer(told, NOTHING);
  const id = query.data?.run?.id;
  const rounds = useRounds(query.data?.run ?? null);
  useEffect(() => {
    if (!id) return;
    tell({ name: "reset" });
    const abort = new AbortController();
    const over = () => {
      void client.invalidateQueries({ queryKey: ["train"] });
      void client.invalidateQueries({ queryKey: ["adapters"] });
      void client.invalidateQueries({ queryKey: ["learn"] });
    };
    const last = ({ name }: { name: string }) => LAST.includes(name);
    void listen(`/api/train/${id}/events`, last, { onEvent: tell, signal: abort.signal }).then(over, over);
    return () => abort.abort();
    // A run that goes on after a stop keeps its id, and has a new stream.
  }, [id, rounds, client]);
  return {
    ...query,
    run: query.data?.run ?? null,
    resumable: query.data?.resumable ?? [],
    sets: query.data?.sets ?? [],
    known,
  };
}

/** How often the shown run has begun again after it was over. */
function useRounds(run: Run | null): number {
  const [seen, setSeen] = useState({ id: "", over: false, rounds: 0 });
  const over = isOver(run?.state);
  if (run && (run.id !== seen.id || over !== seen.over)) {
    const again = run.id === seen.id && seen.over && !over;
    setSeen({ id: run.id, over, rounds: seen.rounds + (again ? 1 : 0) });
  }
  return seen.rounds;
}
