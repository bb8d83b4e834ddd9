/* What members get: points in several ways, and gifts that give no points. */

import { Fragment } from "preact";
import { useState } from "preact/hooks";

import { idOf, useBuilder } from "./context";
import { Field, Select } from "./fields";
import { type Json, type Obj, type Path, get, inserted, put } from "./json";
import { Icon, IconButton, Menu, Trouble, Words } from "./parts";
import { Many, One } from "./picker";
import { Timing } from "./timing";
import { Tree } from "./tree";
import { asObject } from "./vocabulary";
import { t } from "./words";

const GIVES_POINTS = new Set(["points_per_unit", "points_per_item", "fixed_points", "multiplier", "bonus"]);

export function blankEffect(kind: string, walletType: string): Obj {
  const shapes: Record<string, Obj> = {
    points_per_unit: { points: "1", per: "1.00" },
    points_per_item: { points: 10, per_items: 1 },
    fixed_points: { points: 100 },
    multiplier: { factor: "2" },
    bonus: { percent: "10" },
    challenge_progress: { count: 1 },
    prize_draw_entry: { entries: 1 },
  };
  return { kind, ...(GIVES_POINTS.has(kind) ? { wallet_type: walletType } : {}), ...shapes[kind] };
}

export function Effects({ path }: { path: Path }) {
  const builder = useBuilder();
  const { vocabulary, definition } = builder;
  const found = get(definition, path);
  const effects = Array.isArray(found) ? found : [];
  const hasLines = builder.facts.vocabulary.triggers.find((trigger) => trigger.kind === asObject(asObject(definition).trigger as Json).kind)?.scope === "sale";
  const add = (kind: string) => {
    const blank = blankEffect(kind, vocabulary.wallet_types[0]?.value ?? "points");
    builder.step(inserted(definition, path, effects.length, blank), t("said_added"), idOf([...path, effects.length], "first"));
  };
  const items = vocabulary.effects.map((effect) => ({ key: effect.kind, label: effect.label, hint: effect.hint, icon: effect.icon, group: effect.group, disabled: effect.needs_amount && !hasLines }));
  return (
    <div class="rb-effects">
      {effects.length === 0 && <p class="rb-nothing">{t("no_effects")}</p>}
      {effects.map((_, index) => (
        <Fragment key={index}>{index > 0 && <p class="rb-and" aria-hidden="true">{t("and")}</p>}<Effect path={[...path, index]} index={index} of={effects.length} /></Fragment>
      ))}
      <Trouble path={path} />
      {!builder.isDisabled && <Menu id={idOf(path, "add")} label={t(effects.length ? "add_effect" : "add_first_effect")} items={items} onChoose={add} />}
    </div>
  );
}

function Effect({ path, index, of }: { path: Path; index: number; of: number }) {
  const builder = useBuilder();
  const effect = asObject(get(builder.definition, path));
  const kind = String(effect.kind ?? "");
  const known = builder.vocabulary.effects.find((each) => each.kind === kind);
  const what = known?.label ?? kind;
  const list = path.slice(0, -1);
  const move = (by: number) => {
    const other = get(builder.definition, [...list, index + by]);
    if (other === undefined) return;
    builder.step(put(put(builder.definition, path, other), [...list, index + by], effect), t("said_moved", { what }), idOf([...list, index + by], by < 0 ? "up" : "down"));
  };
  const remove = () => {
    const rest = (get(builder.definition, list) as Json[]).filter((_, other) => other !== index);
    builder.step(put(builder.definition, list, rest), t("said_removed", { what }), rest.length ? idOf([...list, Math.min(index, rest.length - 1)], "first") : idOf(list, "add"));
  };
  return (
    <div class="rb-effect" role="group" aria-label={what} id={idOf(path)}>
      <div class="rb-effect-head">
        <span class="rb-sign small"><span class="material-symbols-outlined" aria-hidden="true">{known?.icon ?? "help"}</span></span><h3 id={idOf(path, "first")} tabIndex={-1}>{what}</h3>
        {!builder.isDisabled && <div class="rb-actions">
          {of > 1 && <>
            <IconButton id={idOf(path, "up")} icon="arrow_upward" label={t("up_what", { what })} onClick={() => move(-1)} disabled={index === 0} />
            <IconButton id={idOf(path, "down")} icon="arrow_downward" label={t("down_what", { what })} onClick={() => move(1)} disabled={index === of - 1} />
          </>}
          <IconButton id={idOf(path, "remove")} icon="close" label={t("remove_what", { what })} onClick={remove} danger />
        </div>}
      </div>
      <div class="rb-effect-body">
        <Shape kind={kind} path={path} />
        <Trouble path={path} />
        <Trouble path={[...path, "kind"]} />
        {GIVES_POINTS.has(kind) && <Terms path={path} effect={effect} />}
      </div>
    </div>
  );
}

/** The kind of points, and their dates if they have some of their own. */
function Terms({ path, effect }: { path: Path; effect: Obj }) {
  const { vocabulary, isDisabled } = useBuilder();
  const says = ["expiry", "pending", "measure", "counts_as"].some((key) => key in effect);
  const [isOpen, open] = useState(says);
  const choices = vocabulary.wallet_types;
  const isUsual = choices.length === 1 && choices[0]!.value === effect.wallet_type;
  return (
    <>
      {!isUsual && <div class="rb-line"><Words>{t("as")}</Words><Select path={[...path, "wallet_type"]} label={t("wallet_type")} choices={choices} /></div>}
      {isOpen || says ? <Details path={path} kind={String(effect.kind)} /> : !isDisabled && <button type="button" class="rb-more" aria-expanded={false} onClick={() => open(true)}><Icon name="tune" />{t("more_about_points")}</button>}
    </>
  );
}

/** What most rules leave as it usually is. */
function Details({ path, kind }: { path: Path; kind: string }) {
  return (
    <div class="rb-timing">
      {kind === "points_per_unit" && <Measure path={path} />}
      {(kind === "points_per_unit" || kind === "points_per_item") && <div class="rb-line"><Words>{t("points_are")}</Words><CountsAs path={path} usual={kind === "points_per_unit" ? "base" : "bonus"} /></div>}
      <Timing path={path} />
    </div>
  );
}

function Measure({ path }: { path: Path }) {
  const builder = useBuilder();
  const place = [...path, "measure"];
  const change = (value: string) => (value === "paid" ? builder.remove(place) : builder.put(place, value));
  return <div class="rb-line"><Words>{t("amount_counts")}</Words><Select path={place} label={t("measure")} fallback="paid" choices={["paid", "before_discounts", "without_tax"].map((value) => ({ value, label: t(`measure_${value}`) }))} onChange={change} /></div>;
}

function Shape({ kind, path }: { kind: string; path: Path }) {
  switch (kind) {
    case "points_per_unit":
      return <PerUnit path={path} />;
    case "points_per_item":
      return <PerItem path={path} />;
    case "fixed_points":
      return <div class="rb-line"><Field path={[...path, "points"]} label={t("points_field")} type="number" width="6.5rem" /><Words>{t("points")}</Words></div>;
    case "multiplier":
      return <><div class="rb-line"><Words>{t("base_points_count")}</Words><Field path={[...path, "factor"]} label={t("factor")} type="decimal" placeholder="2" width="5rem" /><Words>{t("times")}</Words></div><Of path={path} /></>;
    case "bonus":
      return <><div class="rb-line"><Field path={[...path, "percent"]} label={t("percent")} type="decimal" placeholder="10" width="6rem" unit="%" /><Words>{t("of_base_on_top")}</Words></div><Of path={path} /></>;
    case "message":
      return <Message path={[...path, "text"]} />;
    case "webhook":
      return <div class="rb-line"><Words>{t("named")}</Words><Field path={[...path, "event_type"]} label={t("webhook_name")} placeholder="coffee.thanks" width="14rem" /></div>;
    case "reward":
      return <One path={[...path, "reward"]} label={t("reward")} list="rewards" placeholder={t("search")} />;
    case "badge":
      return <One path={[...path, "badge"]} label={t("badge")} list="badges" isFree />;
    case "challenge_progress":
      return <div class="rb-line"><Field path={[...path, "count"]} label={t("how_many")} type="number" width="5rem" /><Words>{t("steps_in")}</Words><One path={[...path, "challenge"]} label={t("challenge")} list="challenges" isFree /></div>;
    case "prize_draw_entry":
      return <div class="rb-line"><Field path={[...path, "entries"]} label={t("how_many")} type="number" width="5rem" /><Words>{t("entries_in")}</Words><One path={[...path, "draw"]} label={t("draw")} list="draws" isFree /></div>;
    default:
      return <Raw path={path} />;
  }
}

function PerUnit({ path }: { path: Path }) {
  const builder = useBuilder();
  const effect = asObject(get(builder.definition, path));
  const of = effect.of === "matching_lines" ? "matching_lines" : "sale";
  const change = (value: string) => {
    const { of: _, lines, ...rest } = effect;
    builder.step(put(builder.definition, path, value === "sale" ? rest : { ...rest, of: value, ...(lines === undefined ? {} : { lines }) }), undefined, value === "sale" ? undefined : idOf([...path, "lines"], "add"));
  };
  return (
    <>
      <div class="rb-line">
        <Field path={[...path, "points"]} label={t("points_field")} type="decimal" placeholder="1" width="5rem" /><Words>{t("points_for_each")}</Words>
        <Field path={[...path, "per"]} label={t("for_each_amount")} type="money" placeholder="1.00" width="7.5rem" unit={builder.vocabulary.currency} /><Words>{t("spent_on")}</Words>
        <Select path={[...path, "of"]} label={t("spent_on_what")} fallback="sale" choices={[{ value: "sale", label: t("of_sale") }, { value: "matching_lines", label: t("of_matching_lines") }]} onChange={change} />
      </div>
      {(of === "matching_lines" || "lines" in effect) && <div class="rb-sub"><p class="rb-words">{t("items_where")}</p><Tree path={[...path, "lines"]} scope="line" empty={t("lines_needed")} /></div>}
    </>
  );
}

function PerItem({ path }: { path: Path }) {
  return (
    <>
      <div class="rb-line"><Field path={[...path, "points"]} label={t("points_field")} type="number" width="5.5rem" /><Words>{t("points_for_each")}</Words><Field path={[...path, "per_items"]} label={t("how_many_items")} type="number" width="4.5rem" /><Words>{t("items")}</Words></div>
      <div class="rb-sub"><p class="rb-words">{t("items_where")}</p><Tree path={[...path, "lines"]} scope="line" empty={t("all_items")} /></div>
    </>
  );
}

/** Whether others multiply these points. */
function CountsAs({ path, usual }: { path: Path; usual: "base" | "bonus" }) {
  const builder = useBuilder();
  const place = [...path, "counts_as"];
  const change = (value: string) => (value === usual ? builder.remove(place) : builder.put(place, value));
  return <Select path={place} label={t("counts_as")} fallback={usual} choices={["base", "bonus"].map((value) => ({ value, label: t(`counts_as_${value}`) }))} onChange={change} />;
}

/** Which campaigns' base points are multiplied; all of them if none is named. */
const Of = ({ path }: { path: Path }) => (
  <div class="rb-line"><Words>{t("base_points_of")}</Words><Many path={[...path, "of"]} label={t("base_points_of_which")} list="campaigns" placeholder={t("all_campaigns")} isOptional /></div>
);

function Message({ path }: { path: Path }) {
  const builder = useBuilder();
  const text = get(builder.definition, path);
  return (
    <span class="rb-field wide">
      <textarea id={idOf(path)} rows={2} aria-label={t("message")} placeholder={t("message_example")} disabled={builder.isDisabled} value={typeof text === "string" ? text : ""}
        onInput={(event) => builder.put(path, event.currentTarget.value || undefined)} />
      <Trouble path={path} />
    </span>
  );
}

/** What this builder knows nothing of is shown as it is, and kept. */
export function Raw({ path }: { path: Path }) {
  const { definition } = useBuilder();
  return <><p class="rb-words">{t("kept_as_it_is")}</p><pre class="rg-json" tabIndex={0}>{JSON.stringify(get(definition, path), null, 2)}</pre></>;
}
