// When hone learns by itself: never, in the hours of the night, or whenever it is idle.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, Segments, Select, TextField } from "@/components/ui/field";
import { tell, tellError } from "@/components/ui/toast";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { serverQuery, settingsQuery } from "@/lib/api/queries";

type Settings = Schemas["SettingsObject"];
type Edit = Schemas["SettingsEdit"];

const WHEN = [
  { value: "", label: "Only when asked" },
  { value: "night", label: "At night" },
  { value: "idle", label: "When idle" },
];

export function Schedule({ busy }: { busy: boolean }) {
  const client = useQueryClient();
  const settings = useQuery(settingsQuery).data;
  const change = useMutation({
    mutationFn: (body: Edit) => unwrap(api.POST("/api/settings", { body })),
    onSuccess: (now) => {
      client.setQueryData(settingsQuery.queryKey, now);
      void client.invalidateQueries({ queryKey: serverQuery.queryKey });
      tell("Saved. The server starts again with it.");
    },
    onError: tellError,
  });
  if (!settings) return null;
  const save = (edit: Edit) => {
    if (busy) tellError("It can be changed when the run is over.");
    else change.mutate(edit);
  };
  const { learn_schedule: when, learn_from_hour, learn_to_hour, learn_idle_minutes } = settings;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <span className="font-medium">By itself</span>
        <Segments
          label="When hone learns by itself"
          value={when ?? ""}
          onChange={(learn_schedule) => save({ learn_schedule })}
          options={WHEN}
        />
      </div>
      {when && (
        <Times
          key={`${learn_from_hour} ${learn_to_hour} ${learn_idle_minutes}`}
          settings={settings}
          pending={change.isPending}
          onSave={save}
        />
      )}
      <p className="text-muted text-xs">
        It begins when nobody has asked anything for a while, on mains power only, at most once a day, and where
        something is new.
      </p>
    </div>
  );
}

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

function Times({ settings, pending, onSave }: { settings: Settings; pending: boolean; onSave: (edit: Edit) => void }) {
  const [from, setFrom] = useState(settings.learn_from_hour);
  const [to, setTo] = useState(settings.learn_to_hour);
  const [idle, setIdle] = useState(String(settings.learn_idle_minutes));
  const changed =
    from !== settings.learn_from_hour || to !== settings.learn_to_hour || Number(idle) !== settings.learn_idle_minutes;
  return (
    <form
      className="flex flex-wrap items-end gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        onSave({ learn_from_hour: from, learn_to_hour: to, learn_idle_minutes: Number(idle) });
      }}
    >
      {settings.learn_schedule === "night" && (
        <>
          <Hour label="From" hour={from} onHour={setFrom} />
          <Hour label="To" hour={to} onHour={setTo} />
        </>
      )}
      <div className="w-44">
        <TextField
          label="Minutes without a question"
          type="number"
          min="1"
          max="1440"
          step="1"
          required
          value={idle}
          onText={setIdle}
        />
      </div>
      <Button type="submit" disabled={!changed || pending}>
        Save
      </Button>
    </form>
  );
}

function Hour({ label, hour, onHour }: { label: string; hour: number; onHour: (hour: number) => void }) {
  return (
    <div className="w-24">
      <Field label={label}>
        {(id) => (
          <Select id={id} value={hour} onChange={(event) => onHour(Number(event.target.value))}>
            {HOURS.map((hour) => (
              <option key={hour} value={hour}>
                {String(hour).padStart(2, "0")}:00
              </option>
            ))}
          </Select>
        )}
      </Field>
    </div>
  );
}
