/**
 * What Desk loads on every page: viewers in forms and lists, the task tray in the navbar.
 */
import "./shared/provideVue.js";
import { startDesk } from "./desk/index.js";

startDesk();
