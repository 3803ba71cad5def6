// Settings: looks, answers, web search, models elsewhere, what has left this machine, and what was changed on it.
import { useQuery } from "@tanstack/react-query";
import { Problem, Spinner } from "@/components/ui/feedback";
import { Segments } from "@/components/ui/field";
import { Page, Section } from "@/components/ui/page";
import { settingsQuery } from "@/lib/api/queries";
import { Answers } from "./answers";
import { Audit } from "./audit";
import { Elsewhere } from "./elsewhere";
import { Outgoing } from "./outgoing";
import { WebSearch } from "./web-search";

type Theme = "system" | "light" | "dark";

export function SettingsPage({ theme, onTheme }: { theme: Theme; onTheme: (theme: Theme) => void }) {
  const { data: settings, error, refetch } = useQuery(settingsQuery);
  return (
    <Page
      title="Settings"
      about={
        settings
          ? `Kept in ${settings.file}. A change lets the server start again, which takes a second.`
          : "How hone answers, and what may leave this machine."
      }
    >
      <Section title="Looks">
        <Segments
          label="Theme"
          value={theme}
          onChange={onTheme}
          options={[
            { value: "system", label: "As the system" },
            { value: "light", label: "Light" },
            { value: "dark", label: "Dark" },
          ]}
        />
      </Section>
      {error && !settings && <Problem error={error} onRetry={() => void refetch()} />}
      {!settings && !error && <Spinner label="Loading the settings" />}
      {settings && (
        <>
          <Answers key={`a${settings.system}${settings.temperature}`} settings={settings} />
          <WebSearch key={`w${settings.searxng_url}${settings.tavily_key}`} settings={settings} />
          <Elsewhere key={`e${settings.remote_url}`} settings={settings} />
        </>
      )}
      <Outgoing />
      <Audit />
    </Page>
  );
}
