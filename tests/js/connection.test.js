import { afterEach, describe, expect, it, vi } from "vitest";
import {
  createConnection,
  openSocket,
} from "../../presence_progress/public/js/client/connection.js";
import { stubSocket } from "./stubs.js";

describe("a connection", () => {
  it("goes through its states and tells them", () => {
    const socket = stubSocket();
    const connection = createConnection(socket);
    /** @type {string[]} */
    const states = [];
    connection.onState((state) => states.push(state));
    expect(connection.state).toBe("connecting");

    socket.goOnline();
    socket.goOffline();
    socket.receive("connect_error", new Error("no"));
    socket.goOnline();
    expect(states).toEqual(["connected", "reconnecting", "connected"]);
  });

  it("emits only while connected", () => {
    const socket = stubSocket();
    const connection = createConnection(socket);
    expect(connection.emit("room_watch", "r")).toBe(false);
    socket.goOnline();
    expect(connection.emit("room_watch", "r")).toBe(true);
    expect(socket.sent).toEqual([["room_watch", "r"]]);
  });

  it("makes a stock socket try for ever", () => {
    const socket = stubSocket();
    createConnection(socket);
    expect(socket.settings.attempts).toBe(Infinity);
  });

  it.each([
    ["a refusal", "connect_error"],
    ["a disconnect by the server", "disconnect"],
  ])("tries again after %s, where socket.io gives up", (_, event) => {
    vi.useFakeTimers();
    const socket = stubSocket();
    createConnection(socket);
    socket.active = false;

    socket.receive(event, "io server disconnect");
    expect(socket.connects).toBe(0);
    vi.advanceTimersByTime(500);
    expect(socket.connects).toBe(1);
    socket.receive(event, "io server disconnect");
    vi.advanceTimersByTime(1000);
    expect(socket.connects).toBe(2);
  });

  it("leaves a socket alone that socket.io reconnects, or that the page closed", () => {
    vi.useFakeTimers();
    const socket = stubSocket({ connected: true });
    createConnection(socket);
    socket.goOffline("transport close");
    socket.goOffline("io client disconnect", { active: false });
    vi.advanceTimersByTime(60_000);
    expect(socket.connects).toBe(0);
  });

  it("is left alone when it answers a check", () => {
    vi.useFakeTimers();
    const socket = stubSocket({ connected: true });
    const close = (socket.io.engine.close = vi.fn());
    const connection = createConnection(socket);
    connection.check();
    connection.check();
    expect(socket.sent).toEqual([["ping"]]);
    socket.receive("pong");
    vi.advanceTimersByTime(10_000);
    expect(close).not.toHaveBeenCalled();
    expect(socket.listenerCount("pong")).toBe(0);
  });

  it("is given up when it does not answer, and so comes back", () => {
    vi.useFakeTimers();
    const socket = stubSocket({ connected: true });
    const close = (socket.io.engine.close = vi.fn());
    createConnection(socket).check();
    vi.advanceTimersByTime(3_999);
    expect(close).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(close).toHaveBeenCalledOnce();
  });

  it("tries at once when it is checked while it waits, but lets a try have its time", () => {
    vi.useFakeTimers();
    const socket = stubSocket({ connected: true });
    const disconnect = vi.spyOn(socket, "disconnect");
    const connection = createConnection(socket);
    socket.goOffline();
    connection.check();
    connection.check();
    expect(disconnect).toHaveBeenCalledOnce();
    expect(socket.connects).toBe(1);
    expect(connection.state).toBe("reconnecting");
  });

  it("is not checked before it has come up", () => {
    const socket = stubSocket();
    createConnection(socket).check();
    expect([socket.sent, socket.connects]).toEqual([[], 0]);
  });

  it("without a socket stays down quietly", () => {
    const connection = createConnection(null);
    connection.on("count", () => {})();
    expect(connection.emit("x")).toBe(false);
    expect(connection.state).toBe("connecting");
  });

  it("says its last word by a beacon where a request would die with the page", () => {
    const socket = stubSocket({ connected: true });
    socket.io.engine = { transport: { name: "polling", uri: () => "/socket.io/?sid=1" } };
    const sendBeacon = vi.fn();
    vi.stubGlobal("navigator", { sendBeacon });

    createConnection(socket).farewell("presence_leave", { doctype: "A", name: "b" });
    const packet = '42/site,["presence_leave",{"doctype":"A","name":"b"}]';
    expect(sendBeacon).toHaveBeenCalledExactlyOnceWith("/socket.io/?sid=1", packet);
    vi.unstubAllGlobals();
  });
});

describe("the page's socket", () => {
  afterEach(() => {
    delete (/** @type {any} */ (window).frappe);
  });

  it("is Frappe's own, made at once and connected", () => {
    const socket = { ...stubSocket(), active: false };
    socket.connect = vi.fn();
    const realtime = {
      /** @type {any} */ socket: undefined,
      init: vi.fn(() => (realtime.socket = socket)),
    };
    Object.assign(window, { frappe: { realtime }, socketio_port: 9001 });

    expect(openSocket()).toBe(socket);
    expect(realtime.init).toHaveBeenCalledExactlyOnceWith(9001, true);
    expect(socket.connect).toHaveBeenCalledOnce();
    expect(openSocket()).toBe(socket);
    expect(realtime.init).toHaveBeenCalledOnce();
  });

  it("is none where the site has realtime disabled", () => {
    Object.assign(window, { frappe: { realtime: { init() {} } } });
    expect(openSocket()).toBeNull();
  });
});
