import { describe, expect, it } from "vitest";
import {
  applyChange,
  asking,
  receiveChange,
  receiveState,
  stateOf,
} from "../../presence_progress/public/js/client/room.js";
// As text: an import of JSON would turn the key `__proto__` into a prototype.
import text from "../vectors/changes.json?raw";

/** @type {{ name: string, snapshot: any, change: any, result: string, after: any }[]} */
const vectors = JSON.parse(text);

/** JSON with its keys in order, in which `__proto__` is a key like any other. @param {any} value */
function canonical(value) {
  return JSON.stringify(value, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.entries(part)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .reduce((map, [key, inner]) => ((map[key] = inner), map), Object.create(null))
      : part,
  );
}

/** @param {number} seq @param {Record<string, any>} state */
const snapshot = (seq, state = {}, epoch = "e1") => ({ room: "r", epoch, seq, state });
/** @param {number} seq @param {Record<string, any>} set */
const change = (seq, set = {}, epoch = "e1") => ({ room: "r", epoch, seq, set, unset: [] });

describe("the shared vectors", () => {
  it.each(vectors.map((vector) => [vector.name, vector]))("%s", (_, vector) => {
    const before = canonical(vector.snapshot);
    const { result, snapshot: after } = applyChange(vector.snapshot, vector.change);

    expect(result).toBe(vector.result);
    const { epoch, seq, state } = after;
    expect(canonical({ epoch, seq, state })).toBe(canonical(vector.after));
    expect(canonical(vector.snapshot)).toBe(before);
  });

  it("leave no trace on other objects", () => {
    expect(/** @type {any} */ ({}).polluted).toBeUndefined();
  });
});

describe("a room", () => {
  it("holds what comes before its snapshot and then judges it", () => {
    let room = asking(null);
    for (const seq of [4, 5, 6, 7]) room = receiveChange(room, change(seq, { value: seq })).room;
    expect(room.snapshot).toBeNull();

    const step = receiveState(room, snapshot(5, { value: 5 }));

    expect(step.resync).toBe(false);
    expect(step.room.snapshot?.seq).toBe(7);
    expect(stateOf(step.room)).toMatchObject({ value: 7 });
  });

  it("asks again when what it held does not follow on the snapshot", () => {
    const held = receiveChange(asking(null), change(9)).room;
    const step = receiveState(held, snapshot(5, { value: 5 }));

    expect(step.resync).toBe(true);
    expect(stateOf(step.room)).toMatchObject({ value: 5 });
    // Held changes of the life before do not make it ask for ever.
    expect(receiveState(step.room, snapshot(1, {}, "e2")).resync).toBe(false);
  });

  it("keeps showing what it knew while it asks", () => {
    const { room } = receiveState(asking(null), snapshot(5, { value: 5 }));
    const step = receiveChange(room, change(8, { value: 8 }));

    expect(step.resync).toBe(true);
    expect(stateOf(step.room)).toMatchObject({ value: 5 });
    const during = receiveChange(step.room, change(9, { value: 9 }));
    expect(during.resync).toBe(false);
    expect(stateOf(receiveState(during.room, snapshot(8)).room)).toMatchObject({ value: 9 });
  });

  it("asks what is true when an older snapshot comes that it has not asked for", () => {
    const { room } = receiveState(asking(null), snapshot(7, { value: 7 }));
    const step = receiveState(room, snapshot(5, { value: 5 }));

    expect(step.resync).toBe(true);
    expect(stateOf(step.room)).toMatchObject({ value: 7 });
    // Redis has gone back: what it says now counts, and so do its changes from there.
    const { room: answered } = receiveState(step.room, snapshot(5, { value: 5 }));
    expect(stateOf(answered)).toMatchObject({ value: 5 });
    expect(stateOf(receiveChange(answered, change(6, { value: 6 })).room)).toMatchObject({
      value: 6,
    });
  });

  it("takes a snapshot of another epoch whole", () => {
    const { room } = receiveState(asking(null), snapshot(50, { old: true }));
    const step = receiveState(room, snapshot(1, { fresh: true }, "e2"));

    expect({ ...stateOf(step.room) }).toEqual({ fresh: true });
  });
});
