import { beforeEach, describe, expect, it, vi } from "vitest";
import { watchWake } from "../../presence_progress/public/js/client/wake.js";
import { stubClient } from "./stubs.js";

let hidden = false;

beforeEach(() => {
  vi.useFakeTimers();
  hidden = false;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
});

/** Lets time go by in which no script of the page runs. @param {number} ms */
const sleep = (ms) => vi.setSystemTime(Date.now() + ms);

describe("a page that comes back", () => {
  function setup() {
    const onWake = vi.fn();
    return { onWake, stop: watchWake(onWake) };
  }

  it.each([
    ["is shown", () => document.dispatchEvent(new Event("visibilitychange")), false],
    ["is on the network", () => window.dispatchEvent(new Event("online")), false],
    ["is thawed", () => document.dispatchEvent(new Event("resume")), true],
    [
      "is out of the cache",
      () => window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true })),
      true,
    ],
  ])("is noticed when it %s", (_, happen, slept) => {
    const { onWake, stop } = setup();
    happen();
    expect(onWake).toHaveBeenCalledExactlyOnceWith({ slept });
    stop();
    happen();
    expect(onWake).toHaveBeenCalledOnce();
  });

  it("is noticed by its clock when nothing tells: the computer slept", () => {
    const { onWake, stop } = setup();
    vi.advanceTimersByTime(60_000);
    expect(onWake).not.toHaveBeenCalled();
    sleep(30_000);
    vi.advanceTimersByTime(2_000);
    expect(onWake).toHaveBeenCalledExactlyOnceWith({ slept: true });
    vi.advanceTimersByTime(60_000);
    expect(onWake).toHaveBeenCalledOnce();
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is noticed though its clock was set back meanwhile", () => {
    const { onWake, stop } = setup();
    const before = performance.now();
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.spyOn(performance, "now").mockReturnValue(before + 30_000);
    vi.advanceTimersByTime(2_000);
    expect(onWake).toHaveBeenCalledExactlyOnceWith({ slept: true });
    stop();
  });

  it("is not mistaken for one whose timers the browser slows down, nor for one that is hidden", () => {
    const { onWake, stop } = setup();
    hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
    sleep(60_000);
    vi.advanceTimersByTime(2_000);
    window.dispatchEvent(new Event("pageshow"));
    expect(onWake).not.toHaveBeenCalled();
    stop();
  });
});

describe("the page's client", () => {
  it("looks after its connection and says again where it is", () => {
    const stub = stubClient();
    stub.client.presence.enter("Airport", "LTFM");
    stub.socket.sent = [];
    document.dispatchEvent(new Event("resume"));
    expect(stub.socket.sent).toEqual([
      ["ping"],
      ["presence_enter", { doctype: "Airport", name: "LTFM", activity: "viewing", focus: null }],
    ]);
  });

  it("says nothing more than that it is alive when it is only shown again", () => {
    const stub = stubClient();
    stub.client.presence.enter("Airport", "LTFM");
    stub.socket.sent = [];
    document.dispatchEvent(new Event("visibilitychange"));
    expect(stub.socket.sent).toEqual([["ping"]]);
  });
});
