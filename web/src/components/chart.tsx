// Curves over steps, by uPlot, which is loaded with the page that draws one.
import { useEffect, useRef, useSyncExternalStore } from "react";
import uPlot from "uplot";

export interface Curve {
  label: string;
  /** A colour token of the style sheet: `--accent`. */
  token: string;
  /** Points at every `x`; null where nothing was measured. */
  values: (number | null)[];
}

/** Which colours hold: they are drawn into the picture, and it is made anew with others. */
function useColours(): string | undefined {
  return useSyncExternalStore(
    (tell) => {
      const observer = new MutationObserver(tell);
      observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
      return () => observer.disconnect();
    },
    () => document.documentElement.dataset.theme,
  );
}

export function Chart({
  x,
  curves,
  label,
  height = 220,
}: {
  x: number[];
  curves: Curve[];
  label: string;
  height?: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const colours = useColours();
  const shape = curves.map((curve) => curve.label).join();
  const data = [x, ...curves.map((curve) => curve.values)] as uPlot.AlignedData;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (token: string) => style.getPropertyValue(token).trim();
    const axis = {
      stroke: colour("--muted"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui",
    };
    const series = curves.map(({ label, token }) => ({
      label,
      stroke: colour(token),
      width: 2,
      spanGaps: true,
      points: { size: 4 },
    }));
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      scales: { x: { time: false } },
      legend: { show: false },
      cursor: { y: false },
      axes: [axis, { ...axis, size: 44 }],
      series: [{}, ...series],
    };
    const made = new uPlot(options, data, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
    // New points are set below; only other curves make another plot.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape, height, colours]);
  useEffect(() => {
    plot.current?.setData(data);
  });
  return (
    <figure>
      <div ref={box} role="img" aria-label={describe(label, x, curves)} />
      <figcaption className="text-muted mt-1 flex flex-wrap gap-4 text-xs">
        {curves.map((curve) => (
          <span key={curve.label} className="flex items-center gap-1.5">
            <svg viewBox="0 0 12 4" className="w-3" aria-hidden>
              <line x1="0" x2="12" y1="2" y2="2" strokeWidth="3" stroke={`var(${curve.token})`} />
            </svg>
            {curve.label}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

/** What the picture shows, in words. */
function describe(label: string, x: number[], curves: Curve[]): string {
  const ends = curves.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return known.length > 0
      ? `${label} from ${known[0]?.toFixed(3)} to ${known.at(-1)?.toFixed(3)}`
      : `${label}: nothing yet`;
  });
  return `${label} over ${x.length} steps: ${ends.join("; ")}`;
}
