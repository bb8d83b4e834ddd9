/* When an effect's points can be spent and when they are gone. */

import { useBuilder } from "./context";
import { Field } from "./fields";
import { type Obj, type Path, get } from "./json";
import { Trouble, Words } from "./parts";
import { asObject } from "./vocabulary";
import { t } from "./words";

const COUNTED = ["days", "months", "end_of_month", "end_of_quarter", "end_of_year"];
const RULES = ["never", ...COUNTED, "fixed_date"];
const WAYS: Record<string, Obj> = { days: { days: 14 }, until: { until: "" }, event: { event: "", cancel_after_days: 30 } };
const FIRST: Record<string, Obj> = { days: { number: 365 }, months: { number: 12 }, end_of_month: { number: 0 }, end_of_quarter: { number: 0 }, end_of_year: { number: 0 }, fixed_date: { date: "" } };

export function Timing({ path }: { path: Path }) {
  return <><Pending path={[...path, "pending"]} /><Expiry path={[...path, "expiry"]} /></>;
}

function Pending({ path }: { path: Path }) {
  const builder = useBuilder();
  const block = asObject(get(builder.definition, path));
  const way = Object.keys(WAYS).find((name) => name in block) ?? "";
  const choices = [{ value: "", label: t("pending_usual") }, ...Object.keys(WAYS).map((name) => ({ value: name, label: t(`pending_${name}`) }))];
  const change = (name: string) => (name ? builder.put(path, WAYS[name]!) : builder.remove(path));
  return (
    <div class="rb-line">
      <Words>{t("can_be_spent")}</Words>
      <Chosen path={path} label={t("when_spendable")} value={way} choices={choices} onChange={change} />
      {way === "days" && <><Field path={[...path, "days"]} label={t("days")} type="number" width="5rem" /><Words>{t("days_later")}</Words></>}
      {way === "until" && <Field path={[...path, "until"]} label={t("first_day")} type="date" width="10.5rem" />}
      {way === "event" && <>
        <Field path={[...path, "event"]} label={t("event_type")} placeholder="order.shipped" width="11rem" />
        <Words>{t("or_cancelled_after")}</Words><Field path={[...path, "cancel_after_days"]} label={t("days")} type="number" width="5rem" /><Words>{t("days")}</Words>
      </>}
      <Trouble path={path} />
    </div>
  );
}

function Expiry({ path }: { path: Path }) {
  const builder = useBuilder();
  const rule = String(asObject(get(builder.definition, path)).rule ?? "");
  const choices = [{ value: "", label: t("expiry_usual") }, ...RULES.map((name) => ({ value: name, label: t(`expiry_${name}`) }))];
  const change = (name: string) => (name ? builder.put(path, { rule: name, ...FIRST[name] }) : builder.remove(path));
  return (
    <div class="rb-line">
      <Words>{t("expire")}</Words>
      <Chosen path={path} label={t("when_expiring")} value={rule} choices={choices} onChange={change} />
      {COUNTED.includes(rule) && <><Field path={[...path, "number"]} label={t("how_many")} type="number" width="5rem" /><Words>{t(rule.startsWith("end") ? "later_zero" : rule)}</Words></>}
      {rule === "fixed_date" && <Field path={[...path, "date"]} label={t("last_day")} type="date" width="10.5rem" />}
      <Trouble path={path} />
      <Trouble path={[...path, "rule"]} />
    </div>
  );
}

/** A choice that decides the shape of what stands at the path. */
export function Chosen({ path, label, value, choices, onChange }: { path: Path; label: string; value: string; choices: { value: string; label: string }[]; onChange: (value: string) => void }) {
  const { isDisabled } = useBuilder();
  return (
    <span class="rb-field">
      <select aria-label={label} data-of={path.join("/")} value={value} disabled={isDisabled} onChange={(event) => onChange(event.currentTarget.value)}>
        {!choices.some((choice) => choice.value === value) && <option value={value}>{value}</option>}
        {choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.label}</option>)}
      </select>
    </span>
  );
}

