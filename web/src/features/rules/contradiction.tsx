// A rule that says the same as another, or the opposite: the user decides which holds.
import { Button } from "@/components/ui/button";
import { Note } from "@/components/ui/feedback";
import { visible } from "@/lib/visible";
import { type Written, useRules } from "./queries";

export function Contradiction({ written, onDone }: { written: Written; onDone: () => void }) {
  const { change, forget } = useRules();
  const { rule, like } = written;
  return (
    <div className="flex flex-col gap-2" role="status">
      {like.map((other) => (
        <Note key={other.rule.id} kind="warn">
          <p>
            “{visible(rule.text)}” {LIKENESS[other.likeness] ?? "resembles"} “{visible(other.rule.text)}”. Both are kept
            until you choose.
          </p>
          <div className="mt-2 flex flex-wrap gap-2">
            <Button
              size="sm"
              onClick={() =>
                change.mutate({ id: rule.id, accept: true, replaces: other.rule.id }, { onSuccess: onDone })
              }
            >
              Use the new one instead
            </Button>
            <Button
              size="sm"
              onClick={() => {
                forget(rule);
                onDone();
              }}
            >
              Keep the old one
            </Button>
            <Button size="sm" kind="ghost" onClick={onDone}>
              Both
            </Button>
          </div>
        </Note>
      ))}
    </div>
  );
}

const LIKENESS: Record<string, string> = {
  duplicate: "says the same as",
  near: "says nearly the same as",
  contradiction: "contradicts",
};
