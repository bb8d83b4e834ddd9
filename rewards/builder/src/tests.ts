/* Run by `npm test`: the parts that need no browser. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { withValue } from "./builder";
import { begun, changed, redone, undone } from "./history";
import { type Json, get, inserted, isSame, pruned, put } from "./json";
import { instant, local } from "./moments";
import { added, childrenOf, kindOf, regrouped, stepped, wrapped } from "./trees";
import { read, shown } from "./values";

const leaf = (value: Json): Json => ({ fact: "sale.amount", operator: "gte", value });
const [A, B, C] = [leaf("1"), leaf("2"), leaf("3")] as [Json, Json, Json];

/** Numbers that look random and are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomTree(random: (below: number) => number, depth: number): Json {
  if (depth === 0 || random(3) === 0) return leaf(String(random(1000)));
  const kind = ["all", "any", "none"][random(3)]!;
  return { [kind]: Array.from({ length: 1 + random(3) }, () => randomTree(random, depth - 1)) };
}

function leaves(tree: Json): string[] {
  return kindOf(tree) ? childrenOf(tree).flatMap(leaves) : [JSON.stringify(tree)];
}

function places(tree: Json, path: (string | number)[]): (string | number)[][] {
  const kind = kindOf(tree);
  const below = childrenOf(tree).flatMap((child, index) => places(child, [...path, kind!, index]));
  return [path, ...below];
}

describe("paths", () => {
  it("puts a value where nothing was", () => {
    assert.deepEqual(put({}, ["limits", "per_member", 0, "times"], 2), { limits: { per_member: [{ times: 2 }] } });
  });

  it("leaves what it does not touch as the same objects", () => {
    const before = { conditions: { all: [A, B] }, effects: [] };

    const after = put(before, ["conditions", "all", 1, "value"], "9");

    assert.equal(get(after, ["conditions", "all", 0]), A);
    assert.equal(get(after, ["effects"]), before.effects);
    assert.deepEqual(before.conditions.all[1], B);
  });

  it("takes empty containers away with what was last in them, but never the effects", () => {
    assert.deepEqual(pruned({ conditions: { all: [{ any: [A] }] }, effects: [1] }, ["conditions", "all", 0, "any", 0]), { effects: [1] });
    assert.deepEqual(pruned({ effects: [1] }, ["effects", 0]), { effects: [] });
  });

  it("keeps the rows of lists while a field of theirs is empty", () => {
    assert.deepEqual(withValue({ limits: { in_all: [{ times: 5 }] } }, ["limits", "in_all", 0, "times"], undefined), { limits: { in_all: [{ times: null }] } });
    assert.deepEqual(withValue({ limits: { per_activity: { at_most: 5 } } }, ["limits", "per_activity", "at_most"], undefined), {});
  });

  it("knows no keys that every object has", () => {
    assert.equal(get({}, ["constructor"]), undefined);
  });
});

describe("trees", () => {
  it("puts a first condition into a group, and a second beside it", () => {
    const [once, first] = added({}, ["conditions"], A);
    const [twice, second] = added(once, ["conditions"], B);

    assert.deepEqual([first, second], [["conditions", "all", 0], ["conditions", "all", 1]]);
    assert.deepEqual(twice, { conditions: { all: [A, B] } });
  });

  it("puts a condition that stood alone into a group with the new one", () => {
    assert.deepEqual(added({ conditions: A }, ["conditions"], B)[0], { conditions: { all: [A, B] } });
  });

  it("steps into a group, through it and out of it", () => {
    const root = ["conditions"];
    let definition: Json = { conditions: { all: [A, { any: [B, C] }] } };
    let path: readonly (string | number)[] = ["conditions", "all", 0];
    const seen = [];
    for (let step = stepped(definition, root, path, 1); step; step = stepped(definition, root, path, 1)) {
      [definition, path] = step;
      assert.deepEqual(get(definition, path), A);
      seen.push(path.join("/"));
    }

    assert.deepEqual(seen, ["conditions/all/0/any/0", "conditions/all/0/any/1", "conditions/all/0/any/2", "conditions/all/1"]);
    assert.deepEqual(definition, { conditions: { all: [{ any: [B, C] }, A] } });
  });

  it("takes a group away with the step of its only condition", () => {
    assert.deepEqual(stepped({ conditions: { all: [A, { any: [B] }] } }, ["conditions"], ["conditions", "all", 1, "any", 0], 1)![0], { conditions: { all: [A, B] } });
  });

  it("never loses or doubles a condition, whatever is moved", () => {
    const random = numbers(7);
    for (let round = 0; round < 400; round += 1) {
      let definition: Json = { conditions: { all: [randomTree(random, 3), randomTree(random, 3)] } };
      const before = leaves(get(definition, ["conditions"])!).sort();
      for (let step = 0; step < 20; step += 1) {
        const all = places(get(definition, ["conditions"])!, ["conditions"]).slice(1);
        const path = all[random(all.length)]!;
        const node = get(definition, path);
        const moved = stepped(definition, ["conditions"], path, random(2) ? 1 : -1);
        if (!moved) continue;
        definition = moved[0];
        assert.deepEqual(get(definition, moved[1]), node);
      }
      assert.deepEqual(leaves(get(definition, ["conditions"])!).sort(), before);
    }
  });

  it("changes how a group goes together and leaves what is in it", () => {
    assert.deepEqual(regrouped({ conditions: { all: [A, B] } }, ["conditions"], "none"), { conditions: { none: [A, B] } });
  });

  it("puts a condition into a group of its own", () => {
    assert.deepEqual(wrapped({ conditions: { all: [A, B] } }, ["conditions", "all", 1])[0], { conditions: { all: [A, { any: [B] }] } });
  });

  it("inserts a copy behind the original", () => {
    assert.deepEqual(inserted({ all: [A, B] }, ["all"], 1, A), { all: [A, A, B] });
  });
});

describe("undo", () => {
  it("goes back and forth, and forgets what would have come once something else is done", () => {
    const first = changed(begun(1), 2, "", 0);

    assert.equal(undone(first).now, 1);
    assert.equal(redone(undone(first)).now, 2);
    assert.deepEqual(changed(undone(first), 3, "", 0).future, []);
  });

  it("takes what was typed in one go as one step", () => {
    let history = begun("");
    for (const [index, text] of ["2", "20", "200"].entries()) history = changed(history, text, "#/field", index * 100);
    history = changed(history, "other", "#/field", 60_000);

    assert.equal(undone(history).now, "200");
    assert.equal(undone(undone(history)).now, "");
  });

  it("does not count what changes nothing", () => {
    assert.equal(changed(begun({ a: 1, b: 2 }), { b: 2, a: 1 }, "", 0).past.length, 0);
  });
});

describe("values", () => {
  it("reads what it shows, for each type", () => {
    const examples: [string, Json][] = [
      ["number", 100], ["number", -3], ["money", "12.50"], ["money", "20"], ["decimal", "1.5"], ["text", "100"], ["text", "Market Square"],
      ["date", "2026-12-24"], ["time", "08:30"], ["attribute", 7], ["attribute", "blue"],
    ];
    for (const [type, value] of examples) assert.deepEqual(read(shown(value), type), value, `${type} ${String(value)}`);
  });

  it("keeps numbers as numbers, money and texts as texts", () => {
    assert.equal(read("100", "number"), 100);
    assert.equal(read("100", "money"), "100");
    assert.equal(read("100", "text"), "100");
    assert.equal(read("7,50", "money"), "7.50");
  });

  it("leaves what it cannot read as it was typed", () => {
    assert.equal(read("plenty", "number"), "plenty");
    assert.equal(read("1,000", "money"), "1,000");
    assert.equal(read("  ", "number"), undefined);
  });
});

describe("moments", () => {
  it("are those of the zone, in summer and in winter", () => {
    assert.equal(instant("2026-07-01T08:00", "Europe/Berlin"), "2026-07-01T08:00:00+02:00");
    assert.equal(instant("2026-12-01T08:00", "Europe/Berlin"), "2026-12-01T08:00:00+01:00");
    assert.equal(instant("2026-12-01T08:00", "America/St_Johns"), "2026-12-01T08:00:00-03:30");
    assert.equal(local("2026-12-01T07:00:00+00:00", "Europe/Berlin"), "2026-12-01T08:00");
    assert.equal(local("2026-12-01T07:00:30Z", "Europe/Berlin"), "2026-12-01T08:00:30");
  });

  it("come back as they went, hour by hour over both changes of the clock", () => {
    for (const start of ["2026-03-28T00:00:00Z", "2026-10-24T00:00:00Z"]) {
      for (let hour = 0; hour < 72; hour += 1) {
        const at = Date.parse(start) + hour * 3_600_000;
        const field = local(new Date(at).toISOString(), "Europe/Berlin");
        // The hour that comes twice cannot be told apart by a field without a zone.
        if (!field.startsWith("2026-10-25T02")) assert.equal(Date.parse(instant(field, "Europe/Berlin")), at, field);
      }
    }
  });
});

describe("comparing", () => {
  it("does not mind the order of keys", () => {
    assert.ok(isSame({ a: [1, { b: 2, c: 3 }] }, { a: [1, { c: 3, b: 2 }] }));
    assert.ok(!isSame({ a: [1, 2] }, { a: [2, 1] }));
  });
});
