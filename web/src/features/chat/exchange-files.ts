// Files of conversations, cut into requests.

type Row = Record<string, never>;

/** The conversations of a JSON or JSONL file. Throws what is wrong with it. */
export function conversationsOf(text: string): Row[] {
  const rows = parse(text);
  if (rows.length === 0) throw new Error("There is no conversation in this file.");
  return rows;
}

function parse(text: string): Row[] {
  try {
    const value = JSON.parse(text) as Row | Row[];
    return Array.isArray(value) ? value : [value];
  } catch {
    const lines = text.split("\n").filter((line) => line.trim());
    try {
      return lines.map((line) => JSON.parse(line) as Row);
    } catch {
      throw new Error("This is neither JSON nor JSONL, so no conversation can be read from it.");
    }
  }
}

/** A request may have 4 MiB. */
const MOST_BYTES = 3_500_000;
const MOST_ROWS = 500;

/** Rows in requests, and how many are too large for any. */
export function batches<T>(rows: T[], most = MOST_BYTES): { fit: T[][]; large: number } {
  const fit: T[][] = [];
  let [size, large] = [Infinity, 0];
  for (const row of rows) {
    const bytes = new TextEncoder().encode(JSON.stringify(row)).length + 1;
    if (bytes > most) {
      large += 1;
      continue;
    }
    const last = fit.at(-1);
    if (!last || size + bytes > most || last.length >= MOST_ROWS) {
      fit.push([row]);
      size = bytes;
    } else {
      last.push(row);
      size += bytes;
    }
  }
  return { fit, large };
}
