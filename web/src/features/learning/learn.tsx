// Learning from conversations: what is new, a button to begin, and when hone does it by itself.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { GraduationCap } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Problem, Spinner } from "@/components/ui/feedback";
import { Section } from "@/components/ui/page";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { plural } from "@/lib/format";
import { Schedule } from "./schedule";

type Standing = Schemas["LearnStanding"];

export function Learn({ busy, children }: { busy: boolean; children: ReactNode }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery({ queryKey: ["learn"], queryFn: () => unwrap(api.GET("/api/learn")) });
  const start = useMutation({
    mutationFn: (now: boolean) => unwrap(api.POST("/api/learn", { body: { now } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["train"] }),
  });
  return (
    <Section
      title="From your conversations"
      about="Answers that you rewrote, liked or used become examples. A new adapter is judged on others that it has not seen, and put in use only if it is better."
    >
      {error && !data && <Problem error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Spinner label="Looking for what is new" />}
      {data && !busy && (
        <div className="border-line bg-raised flex flex-wrap items-center gap-x-4 gap-y-3 rounded-lg border px-4 py-3">
          <p className="min-w-0 flex-1 basis-64">{inWords(data)}</p>
          <Button
            kind={data.new > 0 ? "primary" : "secondary"}
            disabled={data.examples === 0 || start.isPending}
            onClick={() => start.mutate(data.new === 0)}
          >
            <GraduationCap size={14} /> {data.new > 0 || data.examples === 0 ? "Learn now" : "Learn again"}
          </Button>
        </div>
      )}
      {start.error && <Problem error={start.error} />}
      {children}
      <Schedule busy={busy} />
    </Section>
  );
}

function inWords({ new: fresh, examples, held, needed }: Standing): string {
  if (examples === 0) return "There is nothing to learn from yet. Say what you think of answers, or rewrite them.";
  const all = `${plural(examples, "example")} to learn from`;
  if (fresh === 0) return `${all}, none of them new.`;
  const judge =
    held >= needed
      ? `${held} more are held back to judge with.`
      : `${held} more are held back to judge with; below ${needed} of them hone cannot tell whether it got better.`;
  return `${all}, ${fresh} of them new; ${judge}`;
}
