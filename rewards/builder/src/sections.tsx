/* The parts of a campaign that are no trees: occasion, audience, schedule, limits, other campaigns. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { idOf, useBuilder, useValue } from "./context";
import { Effects, blankEffect } from "./effects";
import { Chips, Field, Select } from "./fields";
import { type Json, type Obj, type Path, get, inserted, pruned, put, without } from "./json";
import { instant, isZone, local } from "./moments";
import { AddButton, Card, Icon, Menu, Optional, Remove, Trouble, Words } from "./parts";
import { Many, One } from "./picker";
import { Chosen } from "./timing";
import { Tree } from "./tree";
import { shown } from "./values";
import { type Trigger, asObject } from "./vocabulary";
import { t } from "./words";

export const triggerOf = (definition: Json): Obj => asObject(asObject(definition).trigger);

export function useTrigger(): Trigger | undefined {
  const { definition, vocabulary } = useBuilder();
  return vocabulary.triggers.find((trigger) => trigger.kind === triggerOf(definition).kind);
}

export function When() {
  const builder = useBuilder();
  const trigger = useTrigger();
  const kind = String(triggerOf(builder.definition).kind ?? "");
  const items = builder.vocabulary.triggers.map((each) => ({ key: each.kind, label: each.label, hint: each.hint, icon: each.icon, group: each.group }));
  const change = (chosen: string) => {
    if (chosen !== kind) builder.step(put(builder.definition, ["trigger"], { kind: chosen }), t("said_changed"), idOf(["trigger"], "change"));
  };
  return (
    <Card icon="bolt" title={t("when")} hint={t("when_hint")}>
      <div class="rb-trigger">
        <div class="rb-tile chosen"><Icon name={trigger?.icon ?? "help"} /><span><strong>{trigger?.label ?? (kind || t("nothing_chosen"))}</strong>{trigger && <small>{trigger.hint}</small>}</span></div>
        {!builder.isDisabled && <Menu id={idOf(["trigger"], "change")} icon="swap_horiz" label={t("change")} items={items} current={kind} onChoose={change} />}
      </div>
      {trigger?.narrows && <Narrowed narrows={trigger.narrows} />}
      <Trouble path={["trigger"]} /><Trouble path={["trigger", "kind"]} />
    </Card>
  );
}

function Narrowed({ narrows }: { narrows: NonNullable<Trigger["narrows"]> }) {
  const path = ["trigger", narrows.field];
  const source = { choices: narrows.choices, list: narrows.list };
  return (
    <div class="rb-line">
      <Words>{narrows.label}</Words>
      {narrows.type === "days" && <><Field path={path} label={narrows.label} type="number" width="5rem" /><Words>{t("days")}</Words></>}
      {narrows.type === "event_type" && <One path={path} label={narrows.label} {...source} isFree placeholder="app.login" />}
      {narrows.type === "many" && <Many path={path} label={narrows.label} {...source} isFree={!narrows.choices} placeholder={t("any")} isOptional />}
      {narrows.type === "texts" && <Many path={path} label={narrows.label} isFree placeholder={t("code_example")} />}
    </div>
  );
}

export function ForWhom({ members }: { members?: { count: number; of: number } | null }) {
  const builder = useBuilder();
  const audience = asObject(asObject(builder.definition).audience);
  const isUsed = ["segments", "not_segments", "tiers", "control_percent"].some((key) => key in audience);
  return (
    <Optional icon="group" title={t("for_whom")} hint={t(isUsed ? "for_some" : "for_everyone")} isUsed={isUsed} aside={members && <span class="rg-chip primary">{t("members_of", { count: members.count.toLocaleString(), of: members.of.toLocaleString() })}</span>}>
      <div class="rb-settings">
        <Setting label={t("in_segments")}><Many path={["audience", "segments"]} label={t("in_segments")} list="segments" placeholder={t("any_segment")} isOptional /></Setting>
        <Setting label={t("not_in_segments")}><Many path={["audience", "not_segments"]} label={t("not_in_segments")} list="segments" placeholder={t("none_left_out")} isOptional /></Setting>
        <Setting label={t("in_tiers")}><Many path={["audience", "tiers"]} label={t("in_tiers")} list="tiers" placeholder={t("any_tier")} isOptional /></Setting>
        <Setting label={t("control_group")} hint={t("control_hint")}><Field path={["audience", "control_percent"]} label={t("control_group")} type="number" placeholder="0" width="6rem" unit="%" /></Setting>
      </div>
      <Trouble path={["audience"]} />
    </Optional>
  );
}

const Setting = ({ label, hint, children }: { label: string; hint?: string; children: ComponentChildren }) => (
  <div class="rb-setting"><div><strong>{label}</strong>{hint && <small>{hint}</small>}</div><div class="rb-line">{children}</div></div>
);

export function If() {
  const trigger = useTrigger();
  return (
    <Card icon="rule" title={t("if")} hint={t("if_hint")}>
      <Tree path={["conditions"]} scope={trigger?.scope ?? "sale"} empty={t("no_conditions")} />
    </Card>
  );
}

export function Then() {
  const builder = useBuilder();
  const variants = get(builder.definition, ["audience", "variants"]);
  return (
    <Card icon="redeem" title={t("then")} hint={t(variants ? "then_variants" : "then_hint")}>
      {Array.isArray(variants) ? <Variants variants={variants} /> : <><Effects path={["effects"]} />{!builder.isDisabled && <button type="button" class="rb-more" id={idOf(["audience", "variants"], "begin")} onClick={() => split(builder)}><Icon name="alt_route" />{t("test_variants")}</button>}</>}
    </Card>
  );
}

function split(builder: ReturnType<typeof useBuilder>): void {
  const { effects, ...rest } = asObject(builder.definition);
  const walletType = builder.vocabulary.wallet_types[0]?.value ?? "points";
  const given = Array.isArray(effects) && effects.length ? effects : [blankEffect("fixed_points", walletType)];
  const variants = ["a", "b"].map((key) => ({ key, name: t("variant_name", { letter: key.toUpperCase() }), percent: 50, effects: given }));
  builder.step(put(rest, ["audience", "variants"], variants), t("said_added"), idOf(["audience", "variants", 0, "name"]));
}

function Variants({ variants }: { variants: Json[] }) {
  const builder = useBuilder();
  const path: Path = ["audience", "variants"];
  const sum = variants.reduce<number>((total, variant) => total + (Number(asObject(variant).percent) || 0), 0);
  const add = () => {
    const taken = variants.map((variant) => asObject(variant).key);
    const key = "abcdefghij".split("").find((letter) => !taken.includes(letter)) ?? "z";
    const variant = { key, name: t("variant_name", { letter: key.toUpperCase() }), percent: Math.max(100 - sum, 0), effects: [] };
    builder.step(inserted(builder.definition, path, variants.length, variant), t("said_added"), idOf([...path, variants.length, "name"]));
  };
  const drop = (index: number) => {
    const rest = variants.filter((_, other) => other !== index);
    if (rest.length > 1) return builder.step(put(builder.definition, path, rest), t("said_removed", { what: t("variant") }), idOf([...path, 0, "name"]));
    // One variant alone is the campaign itself.
    const effects = asObject(rest[0]).effects ?? [];
    builder.step(put(pruned(without(builder.definition, path), ["audience", "variants"]), ["effects"], effects), t("said_removed", { what: t("variant") }), idOf(["effects"], "add"));
  };
  return (
    <>
      {variants.map((variant, index) => (
        <div class="rb-variant" key={index} role="group" aria-label={shown(asObject(variant).name)}>
          <div class="rb-line">
            <Field path={[...path, index, "name"]} label={t("name_of_variant")} width="12rem" />
            <Field path={[...path, index, "percent"]} label={t("share")} type="number" width="6rem" unit="%" />
            <Words>{t("of_members")}</Words>
            {!builder.isDisabled && <Remove what={shown(asObject(variant).name)} onClick={() => drop(index)} />}
          </div>
          <Trouble path={[...path, index]} /><Trouble path={[...path, index, "key"]} />
          <Effects path={[...path, index, "effects"]} />
        </div>
      ))}
      <Trouble path={path} />
      <div class="rb-adders">
        <span class={`rg-chip ${sum === 100 ? "success" : "warning"}`}>{t("sum_of_shares", { sum })}</span>
        {variants.length < 5 && !builder.isDisabled && <AddButton onClick={add} id={idOf(path, "add")}>{t("add_variant")}</AddButton>}
      </div>
    </>
  );
}

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

export function Schedule() {
  const builder = useBuilder();
  const schedule = asObject(asObject(builder.definition).schedule);
  const zone = isZone(schedule.time_zone) ? schedule.time_zone : builder.vocabulary.time_zone;
  const isRecurring = ["weekdays", "hours", "month_days", "year_days", "time_zone"].some((key) => key in schedule);
  const [isOpen, open] = useState(isRecurring);
  const weekdays = WEEKDAYS.map((value) => ({ value, label: t(`short_${value}`) }));
  const monthDays = [...Array.from({ length: 31 }, (_, index) => ({ value: index + 1, label: String(index + 1) })), { value: -1, label: t("last_of_month") }];
  return (
    <Card icon="calendar_month" title={t("schedule")} hint={t("schedule_hint", { zone })}>
      <div class="rb-line">
        <Words>{t("starts")}</Words><Moment path={["schedule", "starts_at"]} zone={zone} label={t("starts_at")} />
        <Words>{t("ends_before")}</Words><Moment path={["schedule", "ends_at"]} zone={zone} label={t("ends_at")} />
      </div>
      <p class="rb-quiet">{t("open_ends")}</p>
      {!isOpen && !isRecurring && !builder.isDisabled && <button type="button" class="rb-more" onClick={() => open(true)}><Icon name="event_repeat" />{t("only_at_times")}</button>}
      {(isOpen || isRecurring) && (
        <div class="rb-settings">
          <Setting label={t("weekdays")}><Chips path={["schedule", "weekdays"]} label={t("weekdays")} choices={weekdays} onEmpty="remove" /></Setting>
          <Setting label={t("hours")}><Rows path={["schedule", "hours"]} blank={{ from: "17:00", until: "19:00" }} add={t("add_hours")} what={t("hours")}>{(row) => <><Field path={[...row, "from"]} label={t("from")} type="time" /><Words>{t("until")}</Words><Field path={[...row, "until"]} label={t("until")} type="time" /></>}</Rows></Setting>
          <Setting label={t("month_days")}><div class="rb-days"><Chips path={["schedule", "month_days"]} label={t("month_days")} choices={monthDays} onEmpty="remove" /></div></Setting>
          <Setting label={t("year_days")} hint={t("year_days_hint")}><Rows path={["schedule", "year_days"]} blank={{ from: "12-01", until: "12-24" }} add={t("add_year_days")} what={t("year_days")}>{(row) => <><DayOfYear path={[...row, "from"]} label={t("from")} /><Words>{t("through")}</Words><DayOfYear path={[...row, "until"]} label={t("until")} /></>}</Rows></Setting>
          <Setting label={t("time_zone")} hint={t("time_zone_hint", { zone: builder.vocabulary.time_zone })}><Zone /></Setting>
        </div>
      )}
      <Trouble path={["schedule"]} />
    </Card>
  );
}

function Zone() {
  const builder = useBuilder();
  const path = ["schedule", "time_zone"];
  const zones = ["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => ({ value: zone, label: zone.replaceAll("_", " ") }));
  return <><One path={path} label={t("time_zone")} choices={zones} placeholder={builder.vocabulary.time_zone} />{get(builder.definition, path) !== undefined && !builder.isDisabled && <Remove what={t("time_zone")} onClick={() => builder.remove(path)} />}</>;
}

function Moment({ path, zone, label }: { path: Path; zone: string; label: string }) {
  const builder = useBuilder();
  const [value] = useValue(path);
  const stored = shown(value);
  const field = local(stored, zone);
  const change = (text: string) => (text ? builder.put(path, instant(text, zone)) : builder.remove(path));
  return (
    <span class="rb-field" style={{ width: "13.5rem" }}>
      <input id={idOf(path)} type={stored && !field ? "text" : "datetime-local"} aria-label={label} value={field || stored} disabled={builder.isDisabled} onChange={(event) => change(event.currentTarget.value)} />
      <Trouble path={path} />
    </span>
  );
}

function DayOfYear({ path, label }: { path: Path; label: string }) {
  const builder = useBuilder();
  const [month = "", day = ""] = shown(get(builder.definition, path)).split("-");
  const months = Array.from({ length: 12 }, (_, index) => ({ value: String(index + 1).padStart(2, "0"), label: new Date(Date.UTC(2024, index, 1)).toLocaleString(document.documentElement.lang || undefined, { month: "long", timeZone: "UTC" }) }));
  const days = Array.from({ length: 31 }, (_, index) => ({ value: String(index + 1).padStart(2, "0"), label: String(index + 1) }));
  return (
    <span class="rb-field">
      <span class="rb-pair" id={idOf(path)}>
        <Chosen path={path} label={t("day_of", { what: label })} value={day} choices={days} onChange={(chosen) => builder.put(path, `${month}-${chosen}`)} />
        <Chosen path={path} label={t("month_of", { what: label })} value={month} choices={months} onChange={(chosen) => builder.put(path, `${chosen}-${day}`)} />
      </span>
      <Trouble path={path} />
    </span>
  );
}

/** Rows of the same shape, to which some can be added. */
function Rows({ path, blank, add, what, children }: { path: Path; blank: Obj; add: string; what: string; children: (row: Path) => ComponentChildren }) {
  const builder = useBuilder();
  const found = get(builder.definition, path);
  const rows = Array.isArray(found) ? found : [];
  const drop = (index: number) => builder.step(pruned(builder.definition, [...path, index]), t("said_removed", { what }), idOf(path, "add"));
  return (
    <div class="rb-rows">
      {rows.map((_, index) => (
        <div class="rb-line" key={index}>{children([...path, index])}{!builder.isDisabled && <Remove what={what} onClick={() => drop(index)} />}<Trouble path={[...path, index]} /></div>
      ))}
      <Trouble path={path} />
      {!builder.isDisabled && <AddButton id={idOf(path, "add")} onClick={() => builder.step(inserted(builder.definition, path, rows.length, blank), t("said_added"), idOf([...path, rows.length, Object.keys(blank)[0]!]))}>{add}</AddButton>}
    </div>
  );
}

const PERIODS = ["day", "week", "month", "quarter", "year", "ever"];
const unitOf = (row: Obj, units: string[]): string => units.find((unit) => unit in row) ?? units[0]!;

export function Limits() {
  const builder = useBuilder();
  const limits = asObject(asObject(builder.definition).limits);
  return (
    <Optional icon="speed" title={t("limits")} hint={t("limits_hint")} isUsed={Object.keys(limits).length > 0}>
      <div class="rb-settings">
        <Setting label={t("per_activity")} hint={t("per_activity_hint")}>
          <Words>{t("at_least")}</Words><Field path={["limits", "per_activity", "at_least"]} label={t("at_least")} type="number" placeholder="0" width="6rem" />
          <Words>{t("at_most")}</Words><Field path={["limits", "per_activity", "at_most"]} label={t("at_most")} type="number" placeholder="∞" width="6rem" /><Words>{t("points")}</Words>
          <Trouble path={["limits", "per_activity"]} />
        </Setting>
        <Setting label={t("per_member")}>
          <Rows path={["limits", "per_member"]} blank={{ times: 1, per: "day" }} add={t("add_limit")} what={t("limit")}>{(row) => <MemberLimit row={row} />}</Rows>
        </Setting>
        <Setting label={t("in_all")} hint={t("in_all_hint")}>
          <Rows path={["limits", "in_all"]} blank={{ times: 1000 }} add={t("add_budget")} what={t("budget")}>{(row) => <Budget row={row} />}</Rows>
        </Setting>
        {"in_all" in limits && <Setting label={t("when_spent")}><Select path={["limits", "when_spent"]} label={t("when_spent")} fallback="trim" choices={["trim", "refuse"].map((value) => ({ value, label: t(`when_spent_${value}`) }))} /></Setting>}
      </div>
      <Trouble path={["limits"]} />
    </Optional>
  );
}

function MemberLimit({ row }: { row: Path }) {
  const builder = useBuilder();
  const limit = asObject(get(builder.definition, row));
  const unit = unitOf(limit, ["times", "points"]);
  const units = ["times", "points"].map((value) => ({ value, label: t(`unit_${value}`) }));
  const change = (chosen: string) => {
    const { [unit]: amount, ...rest } = limit;
    builder.put(row, { [chosen]: amount ?? 1, ...rest });
  };
  return (
    <>
      <Words>{t("at_most")}</Words><Field path={[...row, unit]} label={t("how_many")} type="number" width="6rem" />
      <Chosen path={row} label={t("unit")} value={unit} choices={units} onChange={change} />
      <Select path={[...row, "per"]} label={t("period")} choices={PERIODS.map((value) => ({ value, label: t(`per_${value}`) }))} />
    </>
  );
}

function Budget({ row }: { row: Path }) {
  const builder = useBuilder();
  const limit = asObject(get(builder.definition, row));
  const unit = unitOf(limit, ["times", "points", "money"]);
  const units = ["times", "points", "money"].map((value) => ({ value, label: t(`unit_${value}`) }));
  const first: Record<string, Json> = { times: 1000, points: 10000, money: "500.00" };
  return (
    <>
      <Words>{t("at_most")}</Words><Field path={[...row, unit]} label={t("how_many")} type={unit === "money" ? "money" : "number"} width="9rem" unit={unit === "money" ? builder.vocabulary.currency : undefined} />
      <Chosen path={row} label={t("unit")} value={unit} choices={units} onChange={(chosen) => builder.put(row, { [chosen]: first[chosen]! })} />
    </>
  );
}

export function Stacking() {
  const builder = useBuilder();
  const stacking = asObject(asObject(builder.definition).stacking);
  return (
    <Optional icon="layers" title={t("stacking")} hint={t("stacking_hint")} isUsed={Object.keys(stacking).length > 0}>
      <div class="rb-settings">
        <Setting label={t("group")} hint={t("stacking_group_hint")}><One path={["stacking", "group"]} label={t("group")} list="groups" isFree placeholder={t("no_group")} />{"group" in stacking && !builder.isDisabled && <Remove what={t("group")} onClick={() => builder.step(leaveGroup(builder.definition), t("said_removed", { what: t("group") }), idOf(["stacking", "group"]))} />}</Setting>
        {"group" in stacking && <Setting label={t("of_the_group")}><Select path={["stacking", "choose"]} label={t("of_the_group")} fallback="best" choices={["best", "first"].map((value) => ({ value, label: t(`choose_${value}`) }))} /></Setting>}
        <Setting label={t("priority")} hint={t("priority_hint")}><Field path={["stacking", "priority"]} label={t("priority")} type="number" placeholder="0" width="6rem" /></Setting>
      </div>
      <Trouble path={["stacking"]} />
    </Optional>
  );
}

const leaveGroup = (definition: Json): Json => pruned(without(definition, ["stacking", "choose"]), ["stacking", "group"]);
