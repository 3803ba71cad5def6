// The report of a cycle, made ready to be shown.
import type { Schemas } from "@/lib/api/client";

export type GateReport = Schemas["GateReport"];
export type Change = Schemas["GateChange"];
export type Check = Schemas["GateCheck"];
export type Measured = Schemas["GateMeasured"];

/** Where numbers stand on a bar, in percent of its length. It begins with the least of them, or with zero. */
export function placesOf({ value, limit, before }: Pick<Measured, "value" | "limit" | "before">) {
  const all = [0, value, limit, before ?? 0];
  const low = Math.min(...all);
  const span = Math.max(...all) - low || 1;
  const place = (number: number) => ((number - low) / span) * 100;
  return { zero: place(0), value: place(value), limit: place(limit), before: before === null ? null : place(before) };
}

/** A number as people read it. */
export function written(number: number, unit: Measured["unit"]): string {
  const minus = (text: string) => text.replace("-", "−");
  switch (unit) {
    case "nats":
      return minus(number.toFixed(3));
    case "share":
      return minus(`${(100 * number).toFixed(Math.abs(number) < 0.1 ? 1 : 0)} %`);
    case "count":
      return minus(Number.isInteger(number) ? String(number) : number.toFixed(1));
    case "chance":
      return number !== 0 && number < 0.01 ? number.toPrecision(1) : number.toFixed(number < 1 ? 2 : 1);
  }
}

const BOUNDS = { at_most: "at most", below: "below", at_least: "at least" };

/** What a number is held to, and what it was before, in words. */
export function heldTo({ limit, bound, before, unit }: Measured): string {
  const asked = `${BOUNDS[bound]} ${written(limit, unit)}${unit === "nats" ? " nats a token" : ""}`;
  return before === null ? asked : `${asked}, before ${written(before, unit)}`;
}

/** Whether a number keeps to its limit, in a word. */
export function verdict({ within, bound }: Pick<Measured, "within" | "bound">): string {
  if (within) return "ok";
  return bound === "at_least" ? "too little" : "too much";
}

/** Checks are called `not worse: facts`: what stands before the colon is the question that they belong to. */
export function groupsOf<C extends { name: string }>(checks: C[]): { name: string; checks: C[] }[] {
  const groups = new Map<string, C[]>();
  for (const check of checks) {
    const name = check.name.split(":")[0] ?? "";
    groups.set(name, [...(groups.get(name) ?? []), check]);
  }
  return [...groups].map(([name, checks]) => ({ name, checks }));
}

/** A run is called by its time: `20261124-031500-4f2a`. */
export function whenOf(run: string): string {
  const [, year, month, day, hour, minute] = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)/.exec(run) ?? [];
  return year ? `${year}-${month}-${day} ${hour}:${minute}` : run;
}
