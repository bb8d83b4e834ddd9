/* Conditions in groups in each other. */

import { Fragment } from "preact";

import { idOf, useBuilder, useProblem } from "./context";
import { Field, Select, Chips, YesNo } from "./fields";
import { type Json, type Obj, type Path, get, inserted, isObject, pruned, put } from "./json";
import { AddButton, IconButton, Trouble, Words } from "./parts";
import { Many, One, Picker } from "./picker";
import { GROUPS, type GroupKind, added, childPath, childrenOf, kindOf, regrouped, stepped, wrapped } from "./trees";
import { type Choice, type Fact, MANY, asObject, blankValue, reshaped, usualOperator } from "./vocabulary";
import { t } from "./words";

const CHIPS_AT_MOST = 12;
const DEPTH_AT_MOST = 8;
const USUAL_DAYS = 30;
const BLANK: Json = { fact: "" };

type Place = { root: Path; path: Path; scope: string; depth: number };

export function Tree({ path, scope, empty }: { path: Path; scope: string; empty: string }) {
  const builder = useBuilder();
  const tree = get(builder.definition, path);
  const kind = kindOf(tree);
  const isBare = !kind && isObject(tree) && Object.keys(tree).length > 0;
  const add = (node: Json, part: Path = []) => {
    const [definition, place] = added(builder.definition, path, node);
    builder.step(definition, t("said_added"), idOf([...place, ...part], "fact"));
  };
  const hasSome = isBare || childrenOf(tree).length > 0;
  return (
    <div class="rb-tree" data-scope={scope}>
      {kind && hasSome && <Group root={path} path={path} scope={scope} depth={1} />}
      {isBare && <ul class="rb-nodes"><Node root={path} path={path} scope={scope} depth={1} /></ul>}
      {!hasSome && <p class="rb-nothing">{empty}</p>}
      <Trouble path={path} />
      {!builder.isDisabled && (
        <div class="rb-adders">
          <AddButton id={idOf(path, "add")} onClick={() => add(BLANK)}>{t("add_condition")}</AddButton>
          {hasSome && <AddButton id={idOf(path, "add-group")} onClick={() => add({ any: [BLANK] }, ["any", 0])}>{t("add_group")}</AddButton>}
        </div>
      )}
    </div>
  );
}

function Group({ root, path, scope, depth }: Place) {
  const builder = useBuilder();
  const node = get(builder.definition, path);
  const kind = kindOf(node) as GroupKind;
  const children = childrenOf(node);
  const isRoot = path.length === root.length;
  // How a single condition goes together with others need not be said.
  const isPlain = isRoot && kind === "all" && children.length === 1;
  const add = (blank: Json, part: Path = []) => {
    const place = childPath(path, kind, children.length);
    builder.step(inserted(builder.definition, [...path, kind], children.length, blank), t("said_added"), idOf([...place, ...part], "fact"));
  };
  return (
    <div class={`rb-group-box ${kind}${isPlain ? " plain" : ""}`} role="group" aria-label={t(`group_${kind}`)}>
      {!isPlain && <div class="rb-group-head">
        <select id={idOf(path, "kind")} aria-label={t("how_combined")} value={kind} disabled={builder.isDisabled}
          onChange={(event) => builder.step(regrouped(builder.definition, path, event.currentTarget.value as GroupKind))}>
          {GROUPS.map((each) => <option key={each} value={each}>{t(`group_${each}`)}</option>)}
        </select>
        {!isRoot && <Actions root={root} path={path} scope={scope} depth={depth} what={t("the_group")} />}
      </div>}
      <ul class="rb-nodes">
        {children.map((_, index) => (
          <Fragment key={index}>
            {index > 0 && <li class="rb-and" aria-hidden="true">{t(kind === "all" ? "and" : "or")}</li>}
            <Node root={root} path={childPath(path, kind, index)} scope={scope} depth={depth + 1} />
          </Fragment>
        ))}
      </ul>
      <Trouble path={[...path, kind]} />
      {!isRoot && !builder.isDisabled && (
        <div class="rb-adders">
          <AddButton id={idOf(path, "add")} onClick={() => add(BLANK)}>{t("add_condition_here")}</AddButton>
          {depth < DEPTH_AT_MOST - 1 && <AddButton id={idOf(path, "add-group")} onClick={() => add({ any: [BLANK] }, ["any", 0])}>{t("add_group_here")}</AddButton>}
        </div>
      )}
    </div>
  );
}

function Node(place: Place) {
  const builder = useBuilder();
  const { definition } = builder;
  /** Alt and an arrow move what has the focus, which it keeps. */
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.altKey ? ({ ArrowUp: -1, ArrowDown: 1 } as const)[event.key as "ArrowUp"] : undefined;
    if (!by || builder.isDisabled) return;
    event.preventDefault();
    event.stopPropagation();
    const moved = stepped(definition, place.root, place.path, by);
    const focused = document.activeElement?.id ?? "";
    if (moved) builder.step(moved[0], t("said_moved", { what: t("the_condition") }), focused.replace(idOf(place.path), idOf(moved[1])));
  };
  return <li onKeyDown={onKeyDown}>{kindOf(get(definition, place.path)) ? <><Group {...place} /><Trouble path={place.path} /></> : <Leaf {...place} />}</li>;
}

function Actions({ root, path, depth, what }: Place & { what: string }) {
  const builder = useBuilder();
  if (builder.isDisabled) return null;
  const isBare = path.length === root.length;
  const move = (by: -1 | 1) => {
    const moved = stepped(builder.definition, root, path, by);
    if (moved) builder.step(moved[0], t("said_moved", { what }), idOf(moved[1], by < 0 ? "up" : "down"));
  };
  const remove = () => {
    const list = path.slice(0, -1);
    const index = Number(path[path.length - 1]);
    const siblings = get(builder.definition, list);
    const rest = Array.isArray(siblings) ? siblings.length - 1 : 0;
    const next = rest > 0 ? idOf([...list, Math.min(index, rest - 1)], "fact") : idOf(root, "add");
    builder.step(pruned(builder.definition, path), t("said_removed", { what }), next);
  };
  const copy = () => {
    const list = path.slice(0, -1);
    const index = Number(path[path.length - 1]) + 1;
    builder.step(inserted(builder.definition, list, index, get(builder.definition, path) as Json), t("said_added"), idOf([...list, index], "fact"));
  };
  const wrap = () => {
    const [definition, inner] = wrapped(builder.definition, path);
    builder.step(definition, t("said_wrapped"), idOf(inner, "fact"));
  };
  return (
    <div class="rb-actions" role="group" aria-label={t("change_what", { what })}>
      {!isBare && <>
        <IconButton id={idOf(path, "up")} icon="arrow_upward" label={t("up_what", { what })} onClick={() => move(-1)} />
        <IconButton id={idOf(path, "down")} icon="arrow_downward" label={t("down_what", { what })} onClick={() => move(1)} />
        {depth < DEPTH_AT_MOST - 1 && <IconButton icon="account_tree" label={t("wrap_what", { what })} onClick={wrap} />}
        <IconButton icon="content_copy" label={t("copy_what", { what })} onClick={copy} />
      </>}
      <IconButton id={idOf(path, "remove")} icon="close" label={t("remove_what", { what })} onClick={remove} danger />
    </div>
  );
}

function Leaf(place: Place) {
  const { path, scope } = place;
  const builder = useBuilder();
  const leaf = asObject(get(builder.definition, path));
  const fact = builder.facts.of(leaf);
  const operator = String(leaf.operator ?? "");
  const { attributes } = useProblem([...path, "fact"]);
  const family = builder.facts.familyOf(String(leaf.fact ?? ""));
  const choices = useFactChoices(scope);
  const label = fact?.label ?? t("the_condition");
  const choose = (key: string) => {
    // An attribute that nobody declared has no name yet.
    const isOpen = builder.facts.familyOf(key) === key;
    const next = isOpen ? { fact: `${key}.`, type: "text", operator: "eq" } : leafOf(key, builder.facts.of({ fact: key }), leaf);
    builder.step(put(builder.definition, path, next), undefined, idOf(path, isOpen ? "name" : "operator"));
  };
  return (
    <div class="rb-leaf">
      <div class="rb-line">
        <span class="rb-field rb-fact">
          <Picker id={idOf(path, "fact")} label={t("what_to_look_at")} placeholder={t("choose_fact")} choices={choices} value={family ?? String(leaf.fact ?? "")} onChoose={choose} isDisabled={builder.isDisabled} attributes={attributes} />
        </span>
        {family && <AttributeName path={path} family={family} leaf={leaf} />}
        {fact?.days && <><Words>{t("in_the_last")}</Words><Field path={[...path, "days"]} label={t("days")} type="number" width="4.5rem" /><Words>{t("days")}</Words></>}
        {fact && <Operator path={path} fact={fact} leaf={leaf} />}
        {fact && operator && <Value path={[...path, "value"]} fact={fact} operator={operator} />}
      </div>
      <Actions {...place} what={label} />
      <Trouble path={[...path, "fact"]} />
      <Trouble path={path} />
      {(fact?.lines || "lines" in leaf) && (
        <div class="rb-sub">
          <p class="rb-words">{t("of_items_where")}</p>
          <Tree path={[...path, "lines"]} scope="line" empty={t("no_line_conditions")} />
        </div>
      )}
    </div>
  );
}

function useFactChoices(scope: string): Choice[] {
  const { facts } = useBuilder();
  const known = facts.inScope(scope).map((fact) => ({ value: fact.key, label: fact.label, group: fact.group }));
  const families = facts.families(scope).map((family) => ({ value: family.key, label: family.label, group: family.group }));
  const all = [...known, ...families];
  const groups = [...new Set(all.map((choice) => choice.group))];
  return groups.flatMap((group) => all.filter((choice) => choice.group === group));
}

/** A condition on another fact; what was said before is kept where it still means something. */
function leafOf(key: string, fact: Fact | undefined, before: Obj): Obj {
  if (!fact) return { fact: key };
  const isSame = key === before.fact && fact.operators.includes(String(before.operator));
  const operator = isSame ? String(before.operator) : usualOperator(fact);
  const value = isSame ? before.value : blankValue(fact, operator);
  return {
    fact: key,
    ...(fact.declared ? { type: fact.declared } : {}),
    ...(fact.days ? { days: before.days ?? USUAL_DAYS } : {}),
    operator,
    ...(value === undefined ? {} : { value }),
    ...(fact.lines && before.lines !== undefined ? { lines: before.lines } : {}),
  };
}

function AttributeName({ path, family, leaf }: { path: Path; family: string; leaf: Obj }) {
  const builder = useBuilder();
  const { attributes } = useProblem([...path, "fact"]);
  const types = ["text", "number", "date", "boolean", "set"].map((type) => ({ value: type, label: t(`type_${type}`) }));
  const retype = (type: string) => {
    const { type: _, value: __, ...rest } = leaf;
    const fact = builder.facts.of({ ...rest, ...(type ? { type } : {}) });
    const operator = fact ? usualOperator(fact) : "eq";
    const value = fact ? blankValue(fact, operator) : undefined;
    builder.step(put(builder.definition, path, { ...rest, ...(type ? { type } : {}), operator, ...(value === undefined ? {} : { value }) }));
  };
  return (
    <>
      <span class="rb-field" style={{ width: "9rem" }}>
        <input id={idOf(path, "name")} aria-label={t("attribute_name")} placeholder={t("attribute_example")} autocomplete="off" disabled={builder.isDisabled} {...attributes}
          value={String(leaf.fact).slice(family.length + 1)} onInput={(event) => builder.put([...path, "fact"], `${family}.${event.currentTarget.value.trim()}`)} />
      </span>
      <Select path={[...path, "type"]} label={t("attribute_type")} fallback="" choices={[{ value: "", label: t("type_untyped") }, ...types]} onChange={retype} />
    </>
  );
}

function Operator({ path, fact, leaf }: { path: Path; fact: Fact; leaf: Obj }) {
  const builder = useBuilder();
  const { vocabulary } = builder;
  const before = String(leaf.operator ?? "");
  const choices = fact.operators.map((operator) => ({ value: operator, label: vocabulary.operator_labels[operator] ?? operator }));
  const { attributes } = useProblem([...path, "operator"]);
  const change = (operator: string) => {
    const { value: _, ...rest } = leaf;
    const value = reshaped(leaf.value, fact, before, operator);
    builder.step(put(builder.definition, path, { ...rest, operator, ...(value === undefined ? {} : { value }) }));
  };
  return (
    <span class="rb-field rb-operator">
      <select id={idOf(path, "operator")} aria-label={t("how_compared")} value={before} disabled={builder.isDisabled} {...attributes} onChange={(event) => change(event.currentTarget.value)}>
        {!choices.some((choice) => choice.value === before) && <option value={before}>{before || t("choose")}</option>}
        {choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.label}</option>)}
      </select>
      <Trouble path={[...path, "operator"]} />
    </span>
  );
}

function Value({ path, fact, operator }: { path: Path; fact: Fact; operator: string }) {
  const { vocabulary } = useBuilder();
  const unit = fact.type === "money" ? vocabulary.currency : fact.unit;
  const type = fact.type === "set" ? "text" : fact.type;
  const source = { choices: fact.choices, list: fact.list, isFree: !fact.choices || Boolean(fact.declared) };
  if (operator === "known" || type === "boolean") return <YesNo path={path} label={t("value_of", { what: fact.label })} />;
  if (operator === "between") {
    return (
      <span class="rb-pair">
        <Field path={[...path, 0]} label={t("from_of", { what: fact.label })} type={type} unit={unit} />
        <Words>{t(type === "time" ? "until" : "and")}</Words>
        <Field path={[...path, 1]} label={t("to_of", { what: fact.label })} type={type} unit={unit} />
        <Trouble path={path} />
      </span>
    );
  }
  const label = t("value_of", { what: fact.label });
  if (MANY.has(operator)) {
    if (fact.choices && fact.choices.length <= CHIPS_AT_MOST) return <Chips path={path} label={label} choices={fact.choices} />;
    return <Many path={path} label={label} type={type} {...source} />;
  }
  if (fact.choices || fact.list) return <One path={path} label={label} type={type} {...source} />;
  return <Field path={path} label={label} type={type} unit={unit} width={type === "text" || type === "attribute" ? "12rem" : "8.5rem"} />;
}
