import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  activityAt,
  EDITING_AGAIN_MS,
  EDITING_MS,
  FOCUS_AGAIN_MS,
  IDLE_MS,
  watchActivity,
} from "../../presence_progress/public/js/client/activity.js";

beforeEach(() => vi.useFakeTimers());

function setup() {
  document.body.innerHTML = `
    <form><input name="city" /><div data-fieldname="notes"><textarea></textarea></div></form>
    <input name="search" />`;
  const page = document;
  let hidden = false;
  Object.defineProperty(page, "hidden", { configurable: true, get: () => hidden });
  /** @type {any[]} */
  const seen = [];
  const form = page.querySelector("form");
  const onGoingOn = vi.fn();
  const stop = watchActivity({ form, onChange: (doing) => seen.push(doing), onGoingOn });

  return {
    seen,
    onGoingOn,
    stop,
    last: () => seen[seen.length - 1],
    /** @param {string} selector @param {string} type */
    fire: (selector, type) =>
      page.querySelector(selector)?.dispatchEvent(new Event(type, { bubbles: true })),
    /** @param {boolean} value */
    hide(value) {
      hidden = value;
      page.dispatchEvent(new Event("visibilitychange"));
    },
  };
}

describe("what the person does", () => {
  it.each([-3_600_000, 3_600_000])("does not depend on a clock that is set by %i ms", (step) => {
    const { fire, seen, last, stop } = setup();
    fire("[name=city]", "input");
    vi.advanceTimersByTime(1000);
    vi.setSystemTime(Date.now() + step);
    fire("[name=city]", "keydown");
    vi.advanceTimersByTime(EDITING_MS - 1001);
    expect(seen.map(({ activity }) => activity)).toEqual(["viewing", "editing"]);
    vi.advanceTimersByTime(1);
    expect(last().activity).toBe("viewing");
    vi.advanceTimersByTime(IDLE_MS);
    expect(last().activity).toBe("idle");
    stop();
  });

  it("is viewing at first", () => {
    const { seen, stop } = setup();
    expect(seen).toEqual([{ activity: "viewing", focus: null }]);
    stop();
  });

  it("is editing while they type in the form, and a little longer", () => {
    const { fire, last, stop } = setup();
    fire("[name=city]", "focusin");
    fire("[name=city]", "input");
    expect(last()).toEqual({ activity: "editing", focus: "city" });

    vi.advanceTimersByTime(EDITING_MS - 1);
    fire("[name=city]", "input");
    vi.advanceTimersByTime(EDITING_MS - 1);
    expect(last().activity).toBe("editing");
    vi.advanceTimersByTime(1);
    expect(last()).toEqual({ activity: "viewing", focus: "city" });
    stop();
  });

  it("is not editing when they type elsewhere", () => {
    const { fire, seen, stop } = setup();
    fire("[name=search]", "input");
    expect(seen).toHaveLength(1);
    stop();
  });

  it("names the field by Frappe's name for it", () => {
    const { fire, last, stop } = setup();
    fire("textarea", "input");
    expect(last().focus).toBe("notes");
    fire("textarea", "focusout");
    expect(last().focus).toBeNull();
    stop();
  });

  it("is idle after a minute without input, until the next one", () => {
    const { fire, last, seen, stop } = setup();
    vi.advanceTimersByTime(IDLE_MS - 1);
    fire("[name=search]", "keydown");
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(seen).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(last()).toEqual({ activity: "idle", focus: null });
    fire("body", "pointermove");
    expect(last().activity).toBe("viewing");
    stop();
  });

  it("is idle while the page is hidden", () => {
    const { fire, hide, last, stop } = setup();
    fire("[name=city]", "input");
    hide(true);
    expect(last()).toEqual({ activity: "idle", focus: null });
    hide(false);
    expect(last().activity).toBe("editing");
    stop();
  });

  it("is said again while typing goes on, and not otherwise", () => {
    const { fire, last, onGoingOn, seen, stop } = setup();
    // Without a focus, which has its own rhythm.
    const type = () => fire("form", "input");
    type();
    for (let second = 1; second <= 11; second++) {
      vi.advanceTimersByTime(1000);
      type();
    }
    expect(onGoingOn).toHaveBeenCalledTimes(Math.floor(11_000 / EDITING_AGAIN_MS));
    expect(seen).toHaveLength(2);

    vi.advanceTimersByTime(EDITING_MS);
    expect(last().activity).toBe("viewing");
    vi.advanceTimersByTime(IDLE_MS);
    expect(last().activity).toBe("idle");
    expect(onGoingOn).toHaveBeenCalledTimes(2);
    stop();
  });

  it("is said again while a field has the focus, and not while it is idle", () => {
    const { fire, hide, onGoingOn, stop } = setup();
    fire("[name=city]", "focusin");
    vi.advanceTimersByTime(FOCUS_AGAIN_MS - 1);
    expect(onGoingOn).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onGoingOn).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(FOCUS_AGAIN_MS);
    expect(onGoingOn).toHaveBeenCalledTimes(2);

    hide(true);
    vi.advanceTimersByTime(2 * FOCUS_AGAIN_MS);
    expect(onGoingOn).toHaveBeenCalledTimes(2);
    hide(false);
    fire("[name=city]", "focusout");
    vi.advanceTimersByTime(2 * FOCUS_AGAIN_MS);
    expect(onGoingOn).toHaveBeenCalledTimes(2);
    stop();
  });

  it("is not looked at any more after the end", () => {
    const { fire, hide, seen, stop } = setup();
    stop();
    fire("[name=city]", "input");
    hide(true);
    vi.advanceTimersByTime(2 * IDLE_MS);
    expect(seen).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("is decided by three facts and the time", () => {
  const seen = { hidden: false, touchedAt: 0, typedAt: -Infinity };
  expect(activityAt(IDLE_MS - 1, seen)).toBe("viewing");
  expect(activityAt(IDLE_MS, seen)).toBe("idle");
  expect(activityAt(EDITING_MS - 1, { ...seen, typedAt: 0 })).toBe("editing");
  expect(activityAt(1, { ...seen, typedAt: 0, hidden: true })).toBe("idle");
});
