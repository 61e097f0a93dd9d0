/**
 * The look of the components, in parts, so that a page which shows a count loads no more than that.
 *
 * Not in `<style>` blocks: Frappe's bundler moves those into the document's head, which would leave
 * the custom elements' shadow roots bare and breaks on web pages. Elements take their parts as
 * their own styles; components adopt them into the document once.
 *
 * Colours are Frappe's variables where the page has them. The fallbacks follow the page's
 * `color-scheme`, not the system: a light page on a dark system stays readable.
 */
const base = /* css */ `
.pp {
  --pp-text: var(--text-color, light-dark(#1a1d21, #ededf0));
  --pp-muted: var(--text-muted, light-dark(#626a73, #a0a5ad));
  --pp-surface: var(--card-bg, var(--fg-color, light-dark(#fff, #1a1b1e)));
  --pp-hover: var(--fg-hover-color, light-dark(#f3f4f6, #26282c));
  --pp-line: var(--border-color, light-dark(#e4e6ea, #303237));
  --pp-track: var(--pp-track-color, light-dark(#eceef1, #2b2d32));
  --pp-accent: var(--pp-accent-color, light-dark(#2358d8, #6f9af3));
  --pp-green: light-dark(#178344, #4ac27b);
  --pp-amber: light-dark(#9a5b00, #e2a63d);
  --pp-red: light-dark(#c4282b, #f4797a);
  --pp-focus: var(--pp-accent);
  box-sizing: border-box;
  color: var(--pp-text);
  font-variant-numeric: tabular-nums;
}
@supports not (color: light-dark(#000, #fff)) {
  .pp {
    --pp-text: var(--text-color, #1a1d21);
    --pp-muted: var(--text-muted, #626a73);
    --pp-surface: var(--card-bg, #fff);
    --pp-hover: var(--fg-hover-color, #f3f4f6);
    --pp-line: var(--border-color, #e4e6ea);
    --pp-track: #eceef1;
    --pp-accent: #2358d8;
    --pp-green: #178344;
    --pp-amber: #9a5b00;
    --pp-red: #c4282b;
  }
}
[data-theme="dark"] .pp { color-scheme: dark; }
[data-theme="light"] .pp { color-scheme: light; }
:host-context([data-theme="dark"]) .pp { color-scheme: dark; }
:host-context([data-theme="light"]) .pp { color-scheme: light; }
.pp *, .pp *::before, .pp *::after { box-sizing: border-box; }
.pp button {
  margin: 0;
  border: 0;
  padding: 0;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
.pp :focus-visible, .pp:focus-visible {
  outline: 2px solid var(--pp-focus);
  outline-offset: 2px;
}
`;

export const countStyles = /* css */ `
/* LiveCount */
.pp-count { display: inline; color: inherit; }
.pp-count[data-stale] { opacity: 0.6; }
`;

export const taskHeadStyles = /* css */ `
/* TaskProgress */
:host(task-progress) { display: block; }
.pp-task {
  border: 1px solid var(--pp-line);
  border-radius: 12px;
  padding: 14px 16px;
  background: var(--pp-surface);
  font-size: 0.875rem;
  line-height: 1.45;
  container-type: inline-size;
}
.pp-task p { margin: 0; }
.pp-task-head { display: flex; align-items: center; gap: 8px; min-height: 28px; }
.pp-task-title {
  flex: 0 1 auto;
  min-width: 0;
  overflow: hidden;
  font-weight: 600;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.pp-task-stage {
  flex: 1 1 0;
  min-width: 0;
  overflow: hidden;
  color: var(--pp-muted);
  text-overflow: ellipsis;
  white-space: nowrap;
}
.pp-badge {
  display: inline-flex;
  flex: none;
  align-items: center;
  gap: 6px;
  border-radius: 99px;
  padding: 2px 9px;
  background: color-mix(in srgb, var(--pp-badge) 11%, transparent);
  color: color-mix(in srgb, var(--pp-badge) 88%, var(--pp-text));
  font-size: 0.75rem;
  font-weight: 550;
  white-space: nowrap;
}
.pp-badge::before {
  width: 6px;
  height: 6px;
  border-radius: 50%;
  background: currentColor;
  content: "";
}
`;

/** Of TaskProgress and of TaskTray's rows. */
export const taskStyles = /* css */ `
.pp-task, .pp-row { --pp-badge: var(--pp-muted); --pp-fill: var(--pp-accent); }
:is(.pp-task, .pp-row)[data-state="running"] { --pp-badge: var(--pp-accent); }
:is(.pp-task, .pp-row):is([data-state="cancelling"], [data-state="stalled"]) {
  --pp-badge: var(--pp-amber);
  --pp-fill: var(--pp-amber);
}
:is(.pp-task, .pp-row)[data-state="done"] { --pp-badge: var(--pp-green); --pp-fill: var(--pp-green); }
:is(.pp-task, .pp-row):is([data-state="failed"], [data-state="lost"]) {
  --pp-badge: var(--pp-red);
  --pp-fill: var(--pp-red);
}
.pp-task[data-state="cancelled"] { --pp-fill: color-mix(in srgb, var(--pp-muted) 55%, transparent); }
.pp-task[data-state="running"] .pp-badge::before { animation: pp-pulse 1.8s ease-in-out infinite; }
.pp-bar {
  position: relative;
  overflow: hidden;
  margin-block: 10px 9px;
  border-radius: 99px;
  height: 6px;
  background: var(--pp-track);
}
.pp-bar[data-slim] { margin-block: 7px 6px; height: 4px; }
.pp-bar-cut { position: absolute; inset-block: 0; width: 2px; background: var(--pp-surface); }
.pp-bar-fill {
  border-radius: inherit;
  inline-size: 0;
  height: 100%;
  background: var(--pp-fill);
  /* As long as the time between two flushes, so that the bar glides instead of stepping. */
  transition: inline-size 0.25s linear, background-color 0.3s;
}
.pp-bar[data-unknown] .pp-bar-fill { inline-size: 34%; animation: pp-slide 1.6s ease-in-out infinite; }
.pp-bar[data-unknown]:dir(rtl) .pp-bar-fill { animation-name: pp-slide-rtl; }
:is(.pp-task, .pp-row)[data-stale] .pp-bar-fill { animation-play-state: paused; opacity: 0.55; }
/* Nobody knows whether it goes on: striped, and standing still. */
:is(.pp-task, .pp-row)[data-state="stalled"] .pp-bar-fill {
  background: repeating-linear-gradient(
    -45deg,
    var(--pp-fill) 0 5px,
    color-mix(in srgb, var(--pp-fill) 45%, var(--pp-track)) 5px 10px
  );
}
:is(.pp-task, .pp-row)[data-state="stalled"] .pp-bar[data-unknown] .pp-bar-fill {
  inline-size: 100%;
  animation: none;
}
.pp-task-line { display: flex; align-items: baseline; gap: 14px; color: var(--pp-muted); }
.pp-task-facts { display: flex; flex: 1; flex-wrap: wrap; align-items: baseline; gap: 2px 14px; min-width: 0; }
/* Text that nobody translated keeps its order in a page that is read from right to left. */
.pp-badge { unicode-bidi: isolate; }
.pp-task-percent, .pp-task-facts > *, .pp-row-line > *, .pp-stages span, .pp-issues summary span, .pp-issues-foot span,
.pp-task-note, .pp-task-error, .pp-task-hint, .pp-row-error, .pp-message-text, .pp-traceback-none, .pp-messages-more,
.pp-quiet p, .pp-tray-note, .pp-tray-empty {
  unicode-bidi: plaintext;
}
/* Titles are cut off at their own end, and stand where the page begins. */
:is(.pp-task-title, .pp-task-stage, .pp-row-title) { text-align: -webkit-match-parent; text-align: match-parent; }
.pp-task-facts strong { color: var(--pp-text); font-weight: 550; }
.pp-task-percent {
  margin-inline-start: auto;
  color: var(--pp-text);
  font-weight: 600;
}
.pp-task-note { margin-block-start: 8px !important; color: var(--pp-badge); overflow-wrap: anywhere; }
.pp-task-error {
  margin-block-start: 8px !important;
  color: var(--pp-red);
  overflow-wrap: anywhere;
}
.pp-task-hint { margin-block-start: 8px !important; color: var(--pp-amber); }
.pp-button {
  flex: none;
  border: 1px solid var(--pp-line) !important;
  border-radius: 7px;
  padding: 3px 10px !important;
  background: var(--pp-surface) !important;
  font-size: 0.8125rem !important;
  font-weight: 500 !important;
  line-height: 1.4 !important;
  transition: background-color 0.12s;
}
a.pp-button { color: var(--pp-accent); text-decoration: none; white-space: nowrap; }
.pp-button:disabled { opacity: 0.5; pointer-events: none; }
.pp-button:hover { background: var(--pp-hover) !important; }
`;

export const progressStyles = /* css */ `
.pp-stages {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 14px;
  margin: 6px 0 0;
  padding: 0;
  color: var(--pp-muted);
  font-size: 0.8125rem;
  list-style: none;
}
.pp-stages li { display: inline-flex; align-items: center; gap: 6px; min-width: 0; }
.pp-stages svg { flex: none; fill: none; stroke: currentColor; stroke-width: 1.5; }
.pp-stages [data-part="done"] svg { color: var(--pp-green); }
.pp-stages [data-part="now"] { color: var(--pp-text); font-weight: 550; }
.pp-stages [data-part="now"] svg { color: var(--pp-badge); fill: currentColor; }
.pp-stages [data-part="later"] svg { opacity: 0.6; }
.pp-issues { margin-block-start: 8px; }
.pp-issues summary {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  border-radius: 6px;
  margin-inline-start: -6px;
  padding: 2px 6px;
  color: var(--pp-muted);
  cursor: pointer;
  list-style: none;
  user-select: none;
}
.pp-issues summary::-webkit-details-marker { display: none; }
.pp-issues summary:hover { background: var(--pp-hover); color: var(--pp-text); }
.pp-issues summary svg { transition: rotate 0.15s; }
.pp-issues summary:dir(rtl) svg { rotate: 180deg; }
.pp-issues[open] summary svg, .pp-issues[open] summary:dir(rtl) svg { rotate: 90deg; }
.pp-issues [data-level="warning"] { color: var(--pp-amber); }
.pp-issues [data-level="error"] { color: var(--pp-red); }
.pp-messages {
  overflow: auto;
  margin: 6px 0 0;
  border-block-start: 1px solid var(--pp-line);
  padding: 0;
  max-height: 15rem;
  list-style: none;
}
.pp-messages li {
  display: grid;
  grid-template-columns: 5.5rem 1fr;
  gap: 10px;
  border-block-end: 1px solid var(--pp-line);
  padding: 5px 0;
  font-size: 0.8125rem;
}
.pp-messages li:last-child { border: 0; }
.pp-message-text { overflow-wrap: anywhere; }
.pp-messages .pp-messages-gap { display: block; color: var(--pp-muted); text-align: center; }
.pp-issues-foot {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 10px;
  padding-block-start: 8px;
  color: var(--pp-muted);
  font-size: 0.8125rem;
}
.pp-issues-foot .pp-button { color: var(--pp-text); }
.pp-traceback {
  overflow: auto;
  margin: 6px 0 0;
  border: 1px solid var(--pp-line);
  border-radius: 8px;
  padding: 10px 12px;
  max-height: 18rem;
  background: var(--pp-hover);
  color: var(--pp-text);
  font-family: ui-monospace, "SF Mono", "Cascadia Mono", monospace;
  font-size: 0.75rem;
  line-height: 1.5;
  tab-size: 4;
  white-space: pre;
}
.pp-traceback-none { padding-block-start: 4px; color: var(--pp-muted); font-size: 0.8125rem; }
.pp-messages-more { padding-block: 6px 2px; color: var(--pp-muted); font-size: 0.8125rem; }
.pp-quiet {
  border: 1px dashed var(--pp-line);
  border-radius: 12px;
  padding: 14px 16px;
  color: var(--pp-muted);
  font-size: 0.875rem;
}
.pp-quiet p { margin: 0; }
@container (max-width: 400px) {
  .pp-task-head { flex-wrap: wrap; gap: 6px 8px; }
  .pp-task-title { flex: 1 0 100%; }
  .pp-task-stage, .pp-task-head > .pp-button { order: 1; }
}
`;

export const trayStyles = /* css */ `
/* TaskTray */
:host(task-tray) { display: inline-block; vertical-align: middle; }
.pp-tray { position: relative; display: inline-block; vertical-align: middle; }
.pp .pp-tray-button {
  position: relative;
  display: grid;
  place-items: center;
  border-radius: 8px;
  width: 32px;
  height: 32px;
  color: var(--pp-muted);
}
.pp .pp-tray-button:is(:hover, [aria-expanded="true"]) { background: var(--pp-hover); color: var(--pp-text); }
.pp-tray-button svg { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.pp-tray-arc { display: none; stroke: var(--pp-accent); stroke-width: 2; transform-origin: 50% 50%; }
[data-busy] .pp-tray-ring { opacity: 0.35; }
[data-busy] .pp-tray-check { display: none; }
[data-busy] .pp-tray-arc { display: block; animation: pp-turn 1.1s linear infinite; }
.pp-tray-badge {
  position: absolute;
  inset-block-start: -3px;
  inset-inline-end: -4px;
  border: 2px solid var(--pp-ring, var(--pp-surface));
  border-radius: 99px;
  padding-inline: 4px;
  min-width: 18px;
  background: var(--pp-accent);
  color: light-dark(#fff, #0d1117);
  font-size: 0.625rem;
  font-weight: 650;
  line-height: 14px;
  text-align: center;
}
.pp-tray-badge[data-tone="done"] { background: var(--pp-green); }
.pp-tray-badge[data-tone="failed"] { background: var(--pp-red); }
.pp-tray-unread {
  position: absolute;
  inset-block-end: 1px;
  inset-inline-end: 1px;
  border: 2px solid var(--pp-ring, var(--pp-surface));
  border-radius: 50%;
  width: 11px;
  height: 11px;
  background: var(--pp-green);
}
.pp-tray-panel {
  position: absolute;
  inset-block-start: calc(100% + 8px);
  inset-inline-end: 0;
  z-index: 1030;
  overflow: auto;
  overscroll-behavior: contain;
  border: 1px solid var(--pp-line);
  border-radius: 12px;
  padding: 4px 0 6px;
  width: min(25rem, calc(100vw - 16px));
  max-height: min(34rem, calc(100vh - 88px));
  background: var(--pp-surface);
  box-shadow: 0 10px 34px light-dark(rgb(15 20 30 / 0.16), rgb(0 0 0 / 0.55));
  font-size: 0.875rem;
  line-height: 1.45;
  text-align: start;
  white-space: normal;
}
.pp .pp-tray-panel:focus { outline: none; }
.pp-tray-panel :is(h2, p, ul) { margin: 0; }
.pp-tray-panel .pp-tray-title {
  padding: 10px 16px 2px;
  color: var(--pp-muted);
  font-size: 0.75rem;
  font-weight: 600;
  letter-spacing: 0.01em;
}
.pp-rows { padding: 0; list-style: none; }
.pp-row { position: relative; padding: 9px 16px 10px; }
.pp-row + .pp-row { border-block-start: 1px solid var(--pp-line); }
.pp-row[data-unread] { background: color-mix(in srgb, var(--pp-badge) 5%, transparent); }
.pp-row-head { display: flex; align-items: center; gap: 8px; min-height: 26px; }
.pp-row-mark {
  flex: none;
  fill: none;
  stroke: var(--pp-badge);
  stroke-width: 1.5;
  stroke-linecap: round;
  stroke-linejoin: round;
}
.pp-row-dot { fill: var(--pp-badge); stroke: none; }
.pp-row[data-state="running"] .pp-row-dot { transform-origin: 50% 50%; animation: pp-pulse 1.8s ease-in-out infinite; }
.pp-row-title {
  flex: 1 1 0;
  overflow: hidden;
  font-weight: 550;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.pp-row-new {
  flex: none;
  border-radius: 99px;
  padding: 0 7px;
  background: color-mix(in srgb, var(--pp-badge) 9%, transparent);
  color: color-mix(in srgb, var(--pp-badge) 85%, var(--pp-text));
  font-size: 0.6875rem;
  font-weight: 600;
}
.pp-row .pp-button { padding: 1px 8px !important; font-size: 0.75rem !important; }
.pp-row .pp-bar, .pp-row-line, .pp-row-error { margin-inline-start: 24px !important; }
.pp-row-line {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  gap: 0 12px;
  color: var(--pp-muted);
  font-size: 0.8125rem;
}
.pp-row:is([data-state="stalled"], [data-state="lost"]) .pp-row-line > :first-child { color: var(--pp-badge); }
.pp-row-error {
  display: -webkit-box;
  overflow: hidden;
  color: var(--pp-red);
  font-size: 0.8125rem;
  overflow-wrap: anywhere;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 2;
}
.pp-tray-note, .pp-tray-empty { padding: 6px 16px; color: var(--pp-muted); font-size: 0.8125rem; }
.pp-tray-empty { padding-block: 26px; text-align: center; }
.pp .pp-tray-more {
  display: block;
  border-radius: 7px;
  margin: 4px 8px 0;
  padding: 6px 8px;
  width: calc(100% - 16px);
  color: var(--pp-muted);
  font-size: 0.8125rem;
  font-weight: 550;
}
.pp .pp-tray-more:hover { background: var(--pp-hover); color: var(--pp-text); }
.pp .pp-tray-more:disabled { opacity: 0.5; }
`;

export const presenceStyles = /* css */ `
/* DocViewers, OnlineUsers */
:host(doc-viewers), :host(online-users) { display: inline-block; vertical-align: middle; }
.pp-document, .pp-online {
  display: inline-flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px 10px;
  max-width: 100%;
  vertical-align: middle;
}
.pp-faces {
  --pp-size: 32px;
  display: inline-flex;
  align-items: center;
  gap: 5px;
  vertical-align: middle;
}
.pp-faces[data-compact] { --pp-size: 26px; }
.pp-viewers {
  position: relative;
  isolation: isolate;
  display: inline-flex;
  margin: 0;
  padding: 0;
  list-style: none;
}
/* The first face lies on top, so that no face covers the mark of the one before it. */
.pp-viewers > li { position: relative; z-index: var(--pp-order, 0); margin: 0; }
.pp-viewers > li + li { margin-inline-start: calc(var(--pp-size) * -0.13); }
.pp-viewers > li:hover, .pp-viewers > li:focus-within { z-index: 99; }
.pp-avatar {
  position: relative;
  display: block;
  border-radius: 50%;
  width: var(--pp-size);
  height: var(--pp-size);
  background: var(--pp-ring, var(--pp-surface)) !important;
  padding: 2px !important;
  cursor: default !important;
}
.pp-avatar-face {
  display: grid;
  overflow: hidden;
  place-items: center;
  border-radius: 50%;
  width: 100%;
  height: 100%;
  background: light-dark(hsl(var(--pp-hue) 62% 89%), hsl(var(--pp-hue) 34% 29%));
  color: light-dark(hsl(var(--pp-hue) 62% 25%), hsl(var(--pp-hue) 70% 90%));
  font-size: calc(var(--pp-size) * 0.34);
  font-weight: 600;
  letter-spacing: 0.01em;
  line-height: 1;
  user-select: none;
}
.pp-avatar-face img { width: 100%; height: 100%; object-fit: cover; }
.pp-avatar[data-activity="editing"] .pp-avatar-face { box-shadow: 0 0 0 2px var(--pp-accent); }
/* Grey, but with initials that stay readable. */
.pp-avatar:is([data-activity="idle"], [data-left], .pp-avatar-more) .pp-avatar-face {
  background: var(--pp-track);
  color: color-mix(in srgb, var(--pp-muted) 80%, var(--pp-text));
}
.pp-avatar[data-activity="idle"] img { filter: grayscale(0.75); opacity: 0.6; }
.pp-avatar[data-left] img { filter: grayscale(1); opacity: 0.5; }
.pp-avatar[data-left] .pp-avatar-face {
  border: 1px dashed color-mix(in srgb, var(--pp-muted) 60%, transparent);
  background: none;
  font-weight: 500;
}
.pp-avatar-more { width: auto; min-width: var(--pp-size); border-radius: 99px !important; }
.pp-avatar-more .pp-avatar-face {
  direction: ltr;
  border-radius: 99px;
  padding-inline: 5px;
}
.pp-mark {
  position: absolute;
  inset-block-end: -1px;
  inset-inline-end: -1px;
  display: grid;
  place-items: center;
  border: 2px solid var(--pp-ring, var(--pp-surface));
  border-radius: 50%;
  width: 13px;
  height: 13px;
  background: var(--pp-green);
  color: light-dark(#fff, #0d1117);
}
.pp-mark svg { display: none; width: 7px; height: 7px; }
.pp-avatar[data-activity="editing"] .pp-mark { width: 16px; height: 16px; background: var(--pp-accent); }
.pp-avatar[data-activity="editing"] .pp-mark svg { display: block; }
.pp-avatar[data-activity="idle"] .pp-mark {
  background: var(--pp-ring, var(--pp-surface));
  box-shadow: inset 0 0 0 2px var(--pp-muted);
}
.pp-faces[data-compact] .pp-avatar { padding: 1px !important; }
.pp-faces[data-compact] .pp-mark { width: 9px; height: 9px; }
.pp-faces[data-compact] .pp-avatar[data-activity="editing"] .pp-mark { width: 11px; height: 11px; }
.pp-faces[data-compact] .pp-mark svg { width: 5px; height: 5px; }
.pp-tip {
  position: absolute;
  inset-block-start: calc(100% + 6px);
  inset-inline-end: 0;
  z-index: 10;
  /* Never display: none, since it is the button's name. */
  opacity: 0;
  border-radius: 8px;
  padding: 5px 9px;
  width: max-content;
  max-width: 16rem;
  background: light-dark(#1f2328, #e9eaee);
  box-shadow: 0 4px 14px rgb(0 0 0 / 0.18);
  color: light-dark(#fff, #16181c);
  font-size: 0.75rem;
  font-weight: 500;
  line-height: 1.4;
  overflow-wrap: anywhere;
  text-align: start;
  white-space: normal;
  pointer-events: none;
}
.pp-tip small { display: block; font-size: inherit; font-weight: 400; opacity: 0.78; }
.pp-viewers > li:hover .pp-tip, .pp-avatar:focus-visible .pp-tip { opacity: 1; }
.pp-viewers:hover, .pp-viewers:focus-within { z-index: 5; }
.pp-contest {
  position: relative;
  display: inline-flex;
  align-items: start;
  gap: 6px;
  border-radius: 8px;
  margin: 0;
  padding: 4px 10px 4px 8px;
  background: color-mix(in srgb, var(--pp-amber) 12%, var(--pp-surface));
  color: var(--pp-amber);
  font-size: 0.8125rem;
  font-weight: 550;
  line-height: 1.4;
  overflow-wrap: anywhere;
}
.pp-contest svg { flex: none; margin-block-start: 1px; }
.pp-contest[data-compact] {
  border: 0;
  border-radius: 50%;
  padding: 5px;
  font: inherit;
  cursor: default;
}
.pp .pp-contest[data-compact] {
  background: color-mix(in srgb, var(--pp-amber) 14%, transparent);
  color: var(--pp-amber);
}
.pp-contest[data-compact] svg { display: block; margin: 0; }
.pp-tip, .pp-tip small, .pp-contest > span, .pp-online-count > span { unicode-bidi: plaintext; }
.pp-online { font-size: 0.875rem; }
:is(.pp-online, .pp-document)[data-stale] .pp-avatar img { filter: grayscale(0.75); }
.pp-online-count { display: inline-flex; align-items: center; gap: 7px; color: var(--pp-muted); white-space: nowrap; }
.pp-online-count::before {
  border-radius: 50%;
  width: 8px;
  height: 8px;
  background: var(--pp-green);
  content: "";
}
/* Nobody knows whether they still are: no green, and words as readable as before. */
.pp-online[data-stale] .pp-online-count::before,
:is(.pp-online, .pp-document)[data-stale] .pp-avatar:not([data-activity="idle"]) .pp-mark { background: var(--pp-muted); }
.pp-invisible {
  position: relative;
  display: grid;
  place-items: center;
  border-radius: 7px;
  width: 28px;
  height: 28px;
  color: var(--pp-muted) !important;
}
.pp-invisible:hover { background: var(--pp-hover) !important; color: var(--pp-text) !important; }
.pp-invisible[aria-checked="true"] {
  background: color-mix(in srgb, var(--pp-amber) 14%, transparent) !important;
  color: var(--pp-amber) !important;
}
.pp-invisible:is(:hover, :focus-visible) .pp-tip, .pp-contest:is(:hover, :focus-visible) .pp-tip { opacity: 1; }
.pp-viewers-enter-active, .pp-viewers-leave-active { transition: opacity 0.2s, scale 0.2s; }
.pp-viewers-enter-from, .pp-viewers-leave-to { opacity: 0; scale: 0.6; }
.pp-viewers-move { transition: translate 0.2s, transform 0.2s; }
`;

/** Comes with every part, before or after it. */
const motion = /* css */ `
@keyframes pp-pulse { 50% { opacity: 0.35; } }
@keyframes pp-turn { to { rotate: 360deg; } }
@keyframes pp-slide {
  from { translate: -110%; }
  to { translate: 310%; }
}
@keyframes pp-slide-rtl {
  from { translate: 110%; }
  to { translate: -310%; }
}
@media (prefers-reduced-motion: reduce) {
  .pp *, .pp *::before { animation-duration: 0s !important; animation-iteration-count: 1 !important; transition: none !important; }
  .pp-bar[data-unknown] .pp-bar-fill { animation: none !important; inline-size: 100% !important; opacity: 0.35; }
}
@media (forced-colors: active) {
  .pp-bar { border: 1px solid CanvasText; }
  .pp-bar-fill { background: Highlight !important; }
}
`;

/** What an element of these parts needs in its shadow root. @param {...string} parts */
export const stylesOf = (...parts) => [base, ...parts, motion];

/**
 * Puts parts into the document, each once.
 *
 * @param {Record<string, string>} parts by name
 */
export function adoptStyles(parts) {
  for (const [name, css] of Object.entries({ base, ...parts, motion })) {
    // Another bundle on this page may have put it there.
    const id = `presence-progress-${name}`;
    if (document.getElementById(id)) continue;
    const style = document.createElement("style");
    style.id = id;
    style.textContent = css;
    document.head.append(style);
  }
}
