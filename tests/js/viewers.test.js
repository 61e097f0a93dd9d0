import { expect, it } from "vitest";
import { readPresence } from "../../presence_progress/public/js/client/viewers.js";

const viewer = { name: "", image: null, activity: "viewing", focus: null, since: 1 };

it("never takes a reserved field for a viewer", () => {
  const here = readPresence({
    "b@x": { ...viewer, since: 2 },
    "a@x": viewer,
    "i@x": { ...viewer, activity: "idle", since: 0 },
    "e@x": { ...viewer, activity: "editing", since: 9 },
    ":count": 12,
    ":left:z@x": { name: "Z", image: null, last_seen: 5 },
    ":left:y@x": { name: "Y", image: null, last_seen: 7 },
    ":tomorrow": { name: "something new" },
  });
  expect(here.viewers.map(({ user }) => user)).toEqual(["e@x", "a@x", "b@x", "i@x"]);
  expect(here.count).toBe(12);
  expect(here.left).toEqual([
    { user: "y@x", name: "Y", image: null, last_seen: 7 },
    { user: "z@x", name: "Z", image: null, last_seen: 5 },
  ]);
});

it.each([
  ["that does not count", { "a@x": viewer, "b@x": viewer }, 2],
  ["with nobody in it", { ":count": 0 }, 0],
  ["that is empty", {}, 0],
  ["of more than are listed", { "a@x": viewer, ":count": 10_000 }, 10_000],
])("counts in a state %s", (_, state, count) => {
  expect(readPresence(state).count).toBe(count);
});
