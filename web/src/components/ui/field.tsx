// Inputs with their labels, switches, and choices in a row.
import { Switch as BaseSwitch } from "@base-ui/react/switch";
import { type ComponentProps, type KeyboardEvent, type ReactNode, useId } from "react";
import { cx } from "@/lib/class-names";

export const INPUT =
  "bg-raised border-line placeholder:text-muted h-8 w-full min-w-0 rounded-md border px-2.5 text-sm outline-none focus-visible:border-accent focus-visible:ring-accent/30 focus-visible:ring-2";

export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input className={cx(INPUT, className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return <textarea className={cx(INPUT, "h-auto min-h-20 resize-y py-2 leading-5", className)} {...props} />;
}

export function Select({ className, ...props }: ComponentProps<"select">) {
  return <select className={cx(INPUT, "pr-7", className)} {...props} />;
}

/** A label above what it names, and a line of help below. */
export function Field({
  label,
  help,
  children,
}: {
  label: string;
  help?: ReactNode;
  children: (id: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-xs font-medium">
        {label}
      </label>
      {children(id)}
      {help && <p className="text-muted text-xs">{help}</p>}
    </div>
  );
}

type TextFieldProps = Omit<ComponentProps<"input">, "onChange" | "id"> & {
  label: string;
  help?: ReactNode;
  onText: (text: string) => void;
};

/** A line of text with its label. */
export function TextField({ label, help, onText, ...props }: TextFieldProps) {
  return (
    <Field label={label} help={help}>
      {(id) => <Input id={id} onChange={(event) => onText(event.target.value)} {...props} />}
    </Field>
  );
}

export function Switch({
  label,
  help,
  checked,
  onChange,
  disabled,
}: {
  label: string;
  help?: ReactNode;
  checked: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <BaseSwitch.Root
        id={id}
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
        className="bg-strong data-checked:bg-accent relative mt-0.5 h-4.5 w-8 shrink-0 rounded-full transition-colors data-disabled:opacity-50"
      >
        <BaseSwitch.Thumb className="block size-3.5 translate-x-0.5 rounded-full bg-white transition-transform data-checked:translate-x-4" />
      </BaseSwitch.Root>
      <label htmlFor={id} className="flex-1">
        {label}
        {help && <span className="text-muted block text-xs">{help}</span>}
      </label>
    </div>
  );
}

export function Segments<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: { value: T; label: string }[];
  onChange: (value: T) => void;
}) {
  const press = (event: KeyboardEvent<HTMLElement>) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = (options.findIndex((option) => option.value === value) + step + options.length) % options.length;
    event.currentTarget.querySelectorAll<HTMLElement>('[role="radio"]')[at]?.focus();
    if (options[at]) onChange(options[at].value);
  };
  return (
    <div
      role="radiogroup"
      aria-label={label}
      onKeyDown={press}
      className="border-line bg-panel inline-flex max-w-full flex-wrap self-start rounded-md border p-0.5"
    >
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          onClick={() => onChange(option.value)}
          className={cx(
            "h-6.5 rounded px-2.5 text-xs font-medium",
            option.value === value ? "bg-raised dark:bg-strong/45 text-ink shadow-sm" : "text-muted hover:text-ink",
          )}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
