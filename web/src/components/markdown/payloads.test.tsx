// Every payload of the end-to-end test, whole, without a browser: none may break the rendering.
import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { PAYLOADS } from "../../../e2e/payloads";
import { Markdown } from "./markdown";

afterEach(cleanup);

it.each(PAYLOADS.map((payload, n) => [n, payload] as const))("payload %i", (n, payload) => {
  const { container } = render(<Markdown text={`Payload ${n}:\n\n${payload}\n\nThe end.`} />);
  expect(container.textContent).toContain("The end.");
});
