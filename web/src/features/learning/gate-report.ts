// The report of a cycle as the gate writes it; the API document knows it as an object only.
export interface Change {
  question: string;
  wanted: string;
  before: string;
  after: string;
  /** How much its loss fell, in nats a token. */
  gain: number;
}

export interface GateReport {
  decision: string;
  because: string;
  against: string;
  learned: number;
  held: number;
  chats: string[];
  from: string[];
  checks: { name: string; passed: boolean; found: string }[];
  changes: Change[];
  /** Of the training, step by step. */
  losses: number[];
  seconds: [number, number];
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
