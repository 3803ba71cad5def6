// Changes a text in place.
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Textarea } from "@/components/ui/field";
import { tellError } from "@/components/ui/toast";

interface Props {
  label: string;
  text: string;
  save: string;
  onSave: (text: string) => Promise<void>;
  onCancel: () => void;
}

export function Editor({ label, text: before, save, onSave, onCancel }: Props) {
  const [text, setText] = useState(before);
  const [saving, setSaving] = useState(false);
  const changed = text.trim() !== "" && text !== before;
  const submit = async () => {
    if (!changed || saving) return;
    setSaving(true);
    try {
      await onSave(text);
    } catch (error) {
      tellError(error);
    }
    setSaving(false);
  };
  return (
    <div className="flex flex-col gap-2">
      <Textarea
        aria-label={label}
        autoFocus
        rows={Math.min(18, before.split("\n").length + 2)}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          // What was written is not thrown away by one key.
          if (event.key === "Escape" && text === before) onCancel();
          if (event.key === "Escape") event.preventDefault();
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit();
        }}
      />
      <div className="flex justify-end gap-2">
        <Button kind="ghost" onClick={onCancel}>
          Cancel
        </Button>
        <Button kind="primary" disabled={!changed || saving} onClick={() => void submit()}>
          {save}
        </Button>
      </div>
    </div>
  );
}
