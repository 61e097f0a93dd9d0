/**
 * What every web page of a site loads: little, and nothing else until the page needs it.
 */
import { loadElementsWhenSeen } from "./web/elements.js";
import { offerVue } from "./web/lateVue.js";
import { isolateReadyCallbacks } from "./web/ready.js";
import { prepareRealtime } from "./web/realtime.js";

// Each for itself: what one finds broken on the page must not keep the others from helping.
for (const prepare of [prepareRealtime, isolateReadyCallbacks, offerVue, loadElementsWhenSeen]) {
  try {
    prepare();
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
