// The providers around the pages.
import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Toasts } from "@/components/ui/toast";
import { ApiError } from "@/lib/api/client";
import { router } from "./router";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      networkMode: "always",
      // A server that starts again is back within seconds; what it refuses, it refuses again.
      retry: (failures, error) =>
        failures < 4 &&
        error instanceof ApiError &&
        (error.status === 0 || error.code === "model_loading" || error.code === "restarting"),
      retryDelay: (attempt) => Math.min(4000, 300 * 2 ** attempt),
    },
    mutations: { networkMode: "always" },
  },
});

export function App() {
  return (
    // The policy of the page allows no style element.
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={client}>
        <Toasts>
          <RouterProvider router={router} />
        </Toasts>
      </QueryClientProvider>
    </CSPProvider>
  );
}
