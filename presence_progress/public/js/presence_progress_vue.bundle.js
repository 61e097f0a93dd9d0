/** Vue for the elements, which come in pieces: presence_progress_{counts,presence,task,tray}. */
import "./shared/provideVue.js";
