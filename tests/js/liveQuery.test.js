import { mount } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import LiveCount from "../../presence_progress/public/js/components/LiveCount.vue";
import { shareClient } from "../../presence_progress/public/js/client/index.js";
import { queryRoom } from "../../presence_progress/public/js/client/queryRoom.js";
import "../../presence_progress/public/js/presence_progress_counts.bundle.js";
import { stubClient } from "./stubs.js";

/** @type {ReturnType<typeof stubClient>} */
let stub;

beforeEach(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: true }));
  stub = stubClient();
});
afterEach(() => {
  shareClient(undefined);
  vi.unstubAllGlobals();
});

describe("the room of a live query", () => {
  it("is spelt the same for filters that mean the same", () => {
    const room = 'query:ToDo/{"owner":["in",["ü","b"]],"status":"Open"}';
    expect(queryRoom("ToDo", { status: "Open", owner: ["in", ["ü", "b"]] }).room).toBe(room);
    expect(queryRoom("ToDo", '{ "owner": ["in", ["ü", "b"]], "status": "Open" }').room).toBe(room);
  });

  it("keeps the order of a list", () => {
    const filters = [
      ["status", "=", "Open"],
      ["ToDo", "date", "<", "2030-01-01"],
    ];
    expect(queryRoom("ToDo", filters).room).toBe(
      'query:ToDo/[["status","=","Open"],["ToDo","date","<","2030-01-01"]]',
    );
  });

  it.each([undefined, null, "", {}, "{}"])("is of all documents for %j", (filters) => {
    expect(queryRoom("ToDo", filters)).toEqual({ room: "query:ToDo/{}", problem: null });
  });

  it.each(["{status: 'Open'}", "7", "null", '"text"'])("is none for %j", (filters) => {
    expect(queryRoom("ToDo", filters)).toEqual({ room: null, problem: "not JSON" });
  });

  it("is none for more than fits into an address", () => {
    const { problem } = queryRoom("ToDo", { name: ["in", ["x".repeat(2000)]] });
    expect(problem).toBe("too long");
  });
});

describe("LiveCount of documents", () => {
  const room = 'query:ToDo/{"status":"Open"}';
  const props = { doctype: "ToDo", filters: { status: "Open" } };

  it("shows the number that this user may see", async () => {
    const wrapper = mount(LiveCount, { props });
    expect(stub.socket.take("room_watch")).toEqual([room]);
    expect(wrapper.text()).toBe("–");
    stub.state(room, { value: 41 });
    await nextTick();
    expect(wrapper.text()).toBe("41");
    stub.change(room, 2, { value: 42 });
    await nextTick();
    expect(wrapper.text()).toBe("42");
    wrapper.unmount();
    expect(stub.socket.take("room_unwatch")).toEqual([room]);
  });

  it("asks anew for other filters, and not for the same in another order", async () => {
    const filters = { a: 1, b: 2 };
    const wrapper = mount(LiveCount, { props: { doctype: "ToDo", filters } });
    stub.socket.take("room_watch");
    await wrapper.setProps({ filters: { b: 2, a: 1 } });
    expect(stub.socket.take("room_watch")).toEqual([]);
    await wrapper.setProps({ filters: '{"b": 3}' });
    expect(stub.socket.take("room_unwatch")).toEqual(['query:ToDo/{"a":1,"b":2}']);
    expect(stub.socket.take("room_watch")).toEqual(['query:ToDo/{"b":3}']);
    wrapper.unmount();
  });

  it("says on the page what is wrong with its filters", async () => {
    const wrapper = mount(LiveCount, { props: { doctype: "ToDo", filters: "status=Open" } });
    expect(stub.socket.take("room_watch")).toEqual([]);
    expect(wrapper.text()).toBe("The filters are neither an object nor a list in JSON.");
    await wrapper.setProps({ filters: { status: "Open" } });
    expect(wrapper.text()).toBe("–");
    stub.deny(room, "bad filters");
    await nextTick();
    expect(wrapper.text()).toBe("Frappe does not take these filters.");
    wrapper.unmount();
  });

  it("shows no number to whoever may not see it any more", async () => {
    const wrapper = mount(LiveCount, { props });
    stub.state(room, { value: 41 });
    stub.deny(room, "not permitted");
    await nextTick();
    expect(wrapper.text()).toBe("–");
    expect(wrapper.attributes("title")).toBe("You may not see this number.");
    wrapper.unmount();
  });

  it("keeps the number while Frappe cannot say, and asks again on a new connection", async () => {
    const wrapper = mount(LiveCount, { props });
    stub.state(room, { value: 41 });
    stub.socket.take("room_watch");
    stub.socket.goOffline();
    stub.socket.goOnline();
    expect(stub.socket.take("room_watch")).toEqual([room]);
    await nextTick();
    expect(wrapper.text()).toBe("41");
    stub.state(room, { value: 7 }, 1, "another server");
    await nextTick();
    expect(wrapper.text()).toBe("7");
    wrapper.unmount();
  });

  it("is an element that takes its filters as an attribute", async () => {
    document.body.innerHTML = `<live-count doctype="ToDo" filters='{"status":"Open"}'></live-count>`;
    await nextTick();
    expect(stub.socket.take("room_watch")).toEqual([room]);
    stub.state(room, { value: 41 });
    await nextTick();
    const element = /** @type {Element} */ (document.querySelector("live-count"));
    expect(element.shadowRoot?.textContent).toContain("41");
    document.body.innerHTML = "";
    await nextTick();
  });
});
