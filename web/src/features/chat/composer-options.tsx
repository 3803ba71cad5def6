// How the next message shall be answered: intent, web, model and adapter, tools.
import { useQuery } from "@tanstack/react-query";
import { Globe, GlobeLock, SlidersHorizontal, Sparkles } from "lucide-react";
import { Menu, type MenuGroup } from "@/components/ui/menu";
import { cx } from "@/lib/class-names";
import type { Intent } from "@/lib/api/events";
import { adaptersQuery, serverQuery } from "@/lib/api/queries";
import { type ChatWhole, useChangeChat } from "./queries";

export interface Options {
  intent: Intent | "auto";
  /** Of this message only; null is the conversation's. */
  adapter: string | null;
  tools: boolean | null;
  /** Answers twice: with the adapter, and by the model alone. */
  sideBySide: boolean;
}

export const DEFAULT_OPTIONS: Options = { intent: "auto", adapter: null, tools: null, sideBySide: false };
const CHIP = "text-muted hover:bg-hover hover:text-ink flex h-7 min-w-0 items-center gap-1.5 rounded-md px-2 text-xs";

interface Props {
  options: Options;
  onChange: (options: Options) => void;
  web: "off" | "ask" | "on";
  onWeb: (web: "off" | "ask" | "on") => void;
  chat?: ChatWhole;
}

export function ComposerOptions({ options, onChange, web, onWeb, chat }: Props) {
  const intents: [Options["intent"], string, string?][] = [
    ["auto", "Let hone judge"],
    ["code", "Write or change code"],
    ["search", "Search the web"],
    ["chat", "Just talk"],
  ];
  const webs: [typeof web, string][] = [
    ["off", "Never search the web"],
    ["ask", "Ask before each search"],
    ["on", "Search when it helps"],
  ];
  return (
    <>
      <Menu
        side="top"
        trigger={
          <button type="button" className={CHIP} aria-label="How to answer">
            <SlidersHorizontal size={14} />
            {options.intent !== "auto" && <span className="capitalize">{options.intent}</span>}
            {options.tools && <span>Tools</span>}
          </button>
        }
        groups={[
          {
            heading: "This message is to",
            entries: intents.map(([value, label]) => ({
              label,
              chosen: options.intent === value,
              run: () => onChange({ ...options, intent: value }),
            })),
          },
          {
            heading: "Tools",
            entries: [
              {
                label: "As hone decides",
                chosen: options.tools === null,
                run: () => onChange({ ...options, tools: null }),
              },
              {
                label: "Offer tools",
                chosen: options.tools === true,
                run: () => onChange({ ...options, tools: true }),
              },
              { label: "No tools", chosen: options.tools === false, run: () => onChange({ ...options, tools: false }) },
            ],
          },
        ]}
      />
      <Menu
        side="top"
        trigger={
          <button type="button" className={CHIP} aria-label={`Web: ${web}`}>
            {web === "off" ? <GlobeLock size={14} /> : <Globe size={14} />}
            <span className="hidden sm:inline">Web {web}</span>
          </button>
        }
        groups={[
          {
            heading: "What may leave this machine",
            entries: webs.map(([value, label]) => ({ label, chosen: web === value, run: () => onWeb(value) })),
          },
        ]}
      />
      <ModelPicker options={options} onChange={onChange} chat={chat} />
    </>
  );
}

function ModelPicker({ options, onChange, chat }: Pick<Props, "options" | "onChange" | "chat">) {
  const server = useQuery(serverQuery).data;
  const list = useQuery(adaptersQuery).data;
  const change = useChangeChat();
  const own = options.adapter ?? chat?.adapter ?? null;
  const named = (id: string | null | undefined) =>
    list?.adapters.find((adapter) => adapter.id === id || adapter.name === id)?.name ?? id;
  const inUse = named(list?.in_use);
  const shown = own === "base" ? "alone" : (named(own) ?? inUse);
  const label = [server?.model ?? "model", shown, options.sideBySide && "both"].filter(Boolean).join(" · ");
  const choose = (adapter: string | null) => {
    if (chat) change.mutate({ id: chat.id, adapter: adapter ?? "" });
    else onChange({ ...options, adapter });
  };
  const adapters = list?.adapters ?? [];
  const groups: MenuGroup[] = [
    {
      heading: `${server?.model ?? "The model"} answers${chat ? " in this conversation" : ""}`,
      entries: [
        {
          label: inUse ? `With the adapter in use` : "As it is set",
          hint: inUse ? inUse : "No adapter is in use",
          chosen: own === null,
          run: () => choose(null),
        },
        { label: "Alone", hint: "Without any adapter", chosen: own === "base", run: () => choose("base") },
        ...adapters.map(({ id, name }) => ({
          label: `With ${name}`,
          hint: id,
          chosen: own === id || own === name,
          run: () => choose(id),
        })),
      ],
    },
  ];
  if (adapters.length > 0) {
    groups.push({
      entries: [
        {
          label: "Side by side",
          hint: "Answers a second time by the model alone",
          chosen: options.sideBySide,
          run: () => onChange({ ...options, sideBySide: !options.sideBySide }),
        },
      ],
    });
  }
  return (
    <Menu
      side="top"
      trigger={
        <button type="button" className={cx(CHIP, "max-w-60")} aria-label={`Model and adapter: ${label}`}>
          <Sparkles size={14} className="shrink-0" />
          <span className="truncate">{label}</span>
        </button>
      }
      groups={groups}
    />
  );
}
