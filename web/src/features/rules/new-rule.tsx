// Teaches a rule, with its scope.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, Select, TextField, Textarea } from "@/components/ui/field";
import { rootsQuery } from "@/lib/api/queries";
import { type Written, useRules } from "./queries";

export function NewRule({ onWritten }: { onWritten: (written: Written) => void }) {
  const { teach } = useRules();
  const roots = useQuery(rootsQuery).data ?? [];
  const [text, setText] = useState("");
  const [project, setProject] = useState("");
  const [files, setFiles] = useState("");
  const save = () => {
    const rule = { text: text.trim(), project: project || null, files: files.trim() || null };
    teach.mutate(rule, {
      onSuccess: (written) => {
        setText("");
        onWritten(written);
      },
    });
  };
  return (
    <form
      className="border-line bg-raised flex flex-col gap-3 rounded-lg border p-3.5"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) save();
      }}
    >
      <Textarea
        aria-label="New rule"
        placeholder="Always use TypeScript in strict mode."
        value={text}
        onChange={(event) => setText(event.target.value)}
        className="min-h-16"
      />
      <div className="flex flex-wrap items-end gap-3">
        <div className="min-w-40 flex-1">
          <Field label="Where">
            {(id) => (
              <Select id={id} value={project} onChange={(event) => setProject(event.target.value)}>
                <option value="">Everywhere</option>
                {roots.map(({ path }) => (
                  <option key={path} value={path}>
                    Only in {path}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        <div className="min-w-32 flex-1">
          <TextField label="Files" placeholder="all, or *.py" value={files} onText={setFiles} />
        </div>
        <Button kind="primary" type="submit" disabled={!text.trim() || teach.isPending}>
          Teach
        </Button>
      </div>
    </form>
  );
}
