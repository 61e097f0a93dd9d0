import { config } from "@vue/test-utils";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { shareClient } from "../../presence_progress/public/js/client/index.js";

// Components are looked at as they are, not as stubs.
config.global.stubs = { transition: false, "transition-group": false };

beforeEach(() => {
  vi.spyOn(console, "warn");
  vi.spyOn(console, "error");
});

afterEach(() => {
  expect(console.warn).not.toHaveBeenCalled();
  expect(console.error).not.toHaveBeenCalled();
  // Tests of the build have no page.
  if (typeof window !== "undefined") {
    shareClient(undefined);
    document.body.replaceChildren();
  }
  vi.useRealTimers();
});
