// A tool that was called: with what, what came back, and the user's consent where it waits for that.
import { Check, Wrench, X } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Badge, Spinner } from "@/components/ui/feedback";
import { tellError } from "@/components/ui/toast";
import { duration } from "@/lib/format";
import { visible } from "@/lib/visible";
import type { CallView } from "./answer";
import { allow } from "./queries";

export function ToolStep({ view, turn }: { view: CallView; turn: string | null }) {
  const { call, asks, result } = view;
  const args = typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments, null, 1);
  const waiting = asks && !result && turn !== null;
  const say = (yes: boolean) => turn && void allow(turn, call.id, yes).catch(tellError);
  return (
    <details className="border-line bg-panel rounded-lg border text-xs" open={waiting || undefined}>
      <summary className="flex flex-wrap items-center gap-2 px-3 py-2">
        <Wrench size={13} className="text-muted" />
        <span className="font-mono font-medium">{visible(call.name)}</span>
        <span className="text-muted min-w-0 flex-1 truncate font-mono">{visible(args.replace(/\s+/g, " "))}</span>
        {result ? (
          <Badge kind={result.ok ? "plain" : "danger"}>
            {result.ok ? <Check size={11} /> : <X size={11} />}{" "}
            {result.ok ? (result.ms ? duration(result.ms / 1000) : "done") : "failed"}
          </Badge>
        ) : turn ? (
          waiting ? (
            <Badge kind="warn">asks</Badge>
          ) : (
            <Spinner label="The tool runs" />
          )
        ) : (
          <Badge kind="warn">did not run</Badge>
        )}
      </summary>
      <div className="border-line flex flex-col gap-2 border-t px-3 py-2">
        <pre className="overflow-x-auto font-mono whitespace-pre-wrap">{visible(args)}</pre>
        {waiting && (
          <div className="flex items-center gap-2">
            <span className="flex-1">May this run? It is exactly what is sent.</span>
            <Button size="sm" onClick={() => say(false)}>
              Refuse
            </Button>
            <Button size="sm" kind="primary" onClick={() => say(true)}>
              Allow
            </Button>
          </div>
        )}
        {result && (
          <pre
            className="text-muted max-h-60 overflow-auto border-t pt-2 font-mono whitespace-pre-wrap"
            tabIndex={0}
            aria-label="Result"
          >
            {visible(result.text)}
          </pre>
        )}
      </div>
    </details>
  );
}
