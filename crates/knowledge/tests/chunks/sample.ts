import { readFile } from "node:fs/promises";

/** What a user may change. */
export interface Settings {
  theme: "light" | "dark";
  fontSize: number;
}

export type Listener = (settings: Settings) => void;

/** Settings of a user, kept in a file, with listeners that hear of changes as they are made by anyone. */
export class Store {
  private listeners: Listener[] = [];
  private current: Settings = { theme: "light", fontSize: 12 };

  constructor(private readonly path: string) {}

  /** Calls the listener after every change, until the function that it returns is called by somebody. */
  onChange(listener: Listener): () => void {
    this.listeners.push(listener);
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }

  /** Reads the file again. A file that is missing or damaged leaves everything as it was before. */
  async reload(): Promise<void> {
    try {
      const text = await readFile(this.path, "utf8");
      this.current = { ...this.current, ...JSON.parse(text) };
    } catch (error) {
      console.warn(`settings stay as they are: ${error}`);
    }
    this.listeners.forEach((listener) => listener(this.current));
  }
}

/** The settings that nobody has changed. */
export const defaults = (): Settings => ({ theme: "light", fontSize: 12 });
