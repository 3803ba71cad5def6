// Adapters as a family: who came from whom.
import type { Schemas } from "@/lib/api/client";

export type Adapter = Schemas["AdapterObject"];

export interface Member {
  adapter: Adapter;
  /** How many ancestors are in the list. */
  depth: number;
}

/** Parents before their children, families by age. */
export function lineage(adapters: Adapter[]): Member[] {
  const ids = new Set(adapters.map(({ id }) => id));
  const children = new Map<string, Adapter[]>();
  for (const adapter of adapters) {
    const { id, parent } = adapter;
    const above = parent && parent !== id && ids.has(parent) ? parent : "";
    children.set(above, [...(children.get(above) ?? []), adapter]);
  }
  const seen = new Set<string>();
  const below = (id: string, depth: number): Member[] =>
    (children.get(id) ?? []).flatMap((adapter) => {
      if (seen.has(adapter.id)) return [];
      seen.add(adapter.id);
      return [{ adapter, depth }, ...below(adapter.id, depth + 1)];
    });
  const family = below("", 0);
  // Two that name each other as parents belong to no family, and are shown all the same.
  return [...family, ...adapters.filter(({ id }) => !seen.has(id)).map((adapter) => ({ adapter, depth: 0 }))];
}

/** What was measured, in words: what training writes, as before and after; everything else by its name. */
export function scoresOf(scores: unknown): [string, string][] {
  const rest = new Map(numbersOf(scores));
  const pairs = [
    ["loss on held-back examples", "first valid loss", "valid loss"],
    ["loss on learned examples", "first loss", "loss"],
  ].flatMap(([name = "", first = "", last = ""]): [string, string][] => {
    const [before, after] = [rest.get(first), rest.get(last)];
    if (before === undefined || after === undefined) return [];
    rest.delete(first);
    rest.delete(last);
    return [[name, `${written(before)} → ${written(after)}`]];
  });
  return [...pairs, ...[...rest].map(([name, value]): [string, string] => [name, written(value)])];
}

const written = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(2));

/** The numbers of an adapter's scores, however deep, by their names. */
export function numbersOf(scores: unknown, name = ""): [string, number][] {
  if (typeof scores === "number") return [[name.replaceAll("_", " "), scores]];
  if (typeof scores !== "object" || scores === null) return [];
  return Object.entries(scores).flatMap(([key, value]) => numbersOf(value, name ? `${name} ${key}` : key));
}
