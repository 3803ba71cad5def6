// A table that scrolls sideways where it does not fit.
import type { ReactNode } from "react";

export function Table({ label, columns, children }: { label: string; columns: string[]; children: ReactNode }) {
  return (
    <div className="border-line overflow-x-auto rounded-lg border" tabIndex={0} role="region" aria-label={label}>
      <table className="w-full text-left text-xs">
        <thead className="bg-panel text-muted">
          <tr>
            {columns.map((name) => (
              <th key={name} scope="col" className="px-3 py-1.5 font-medium whitespace-nowrap">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-line divide-y">{children}</tbody>
      </table>
    </div>
  );
}
