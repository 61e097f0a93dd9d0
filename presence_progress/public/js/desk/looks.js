/**
 * How our components sit in Desk; how they look is theirs (components/styles.js).
 */
const css = /* css */ `
.pp-desk-viewers { display: flex; align-items: center; min-width: 0; margin-inline-end: 8px; }
.pp-desk-viewers:not(:has(.pp-faces, .pp-contest, .pp-desk-missing)) { display: none; }
.pp-desk-viewers .pp-document { flex-wrap: nowrap; --pp-ring: var(--bg-color); }
.pp-desk-viewers .pp-contest { white-space: nowrap; }
.pp .pp-desk-missing { position: relative; display: grid; color: var(--pp-muted); cursor: default; }
.pp-desk-missing svg { fill: none; stroke: currentColor; stroke-width: 1.3; stroke-linecap: round; }
.pp-desk-missing:is(:hover, :focus-visible) .pp-tip { opacity: 1; }
/* v16 keeps the head of a page on one line, and more than half of it for the title: the title gives way, not Save. */
.page-head-content.flex-nowrap:has(.pp-desk-viewers > .pp-document > *) > .page-title { flex: 1 1 0; min-width: 0; max-width: none; }
.page-head-content.flex-nowrap:has(.pp-desk-viewers > .pp-document > *) > .page-title :is(.title-area, .title-area > div, .title-area > div > .flex, .title-text) { min-width: 0; }
.page-head-content.flex-nowrap:has(.pp-desk-viewers > .pp-document > *) > .page-title .title-text { flex-shrink: 99; }
.page-head-content.flex-nowrap:has(.pp-desk-viewers > .pp-document > *) > .page-title .indicator-pill { min-width: 0; overflow: hidden; text-overflow: ellipsis; }
.page-head-content.flex-nowrap:has(.pp-desk-viewers > .pp-document > *) > .page-actions { flex: none; width: auto; padding-inline-start: 0; }
.pp-desk-row { flex: none; margin-inline-start: 8px; }
.pp-desk-tray { display: flex; align-items: center; }
.pp-desk-tray[data-place="navbar"] { margin-inline-end: 4px; }
.pp-desk-tray[data-place="sidebar"] > div, .pp-desk-tray[data-place="sidebar"] .pp-tray { width: 100%; }
.pp-desk-tray[data-place="sidebar"] .pp-tray-button {
  display: flex;
  align-items: center;
  justify-content: start;
  gap: 7px;
  padding-inline: 5px !important;
  width: 100%;
  height: 30px;
  color: var(--ink-gray-8, var(--pp-text));
  font-size: var(--text-sm) !important;
}
.pp-desk-tray[data-place="sidebar"] .pp-tray-button svg { flex: none; }
.body-sidebar-container.expanded .pp-desk-tray[data-place="sidebar"] .pp-tray-button::after { content: var(--pp-tray-label); }
.body-sidebar-container.expanded .pp-desk-tray[data-place="sidebar"] .pp-tray-badge { position: static; order: 1; margin-inline-start: auto; border: 0; line-height: 18px; }
.body-sidebar-container.expanded .pp-desk-tray[data-place="sidebar"] .pp-tray-unread { inset-inline: 17px auto; }
.pp-desk-tray[data-place="sidebar"] .pp-tray-panel { inset-block-start: 0; inset-inline: calc(100% + 14px) auto; }
.pp-desk-tray[data-place="floating"] { position: fixed; inset-block-end: 16px; inset-inline-end: 16px; z-index: 1030; }
.pp-desk-tray[data-place="floating"] .pp-tray-button {
  border: 1px solid var(--pp-line) !important;
  background: var(--pp-surface) !important;
  box-shadow: 0 4px 14px rgb(0 0 0 / 0.14);
}
.pp-desk-tray[data-place="floating"] .pp-tray-panel { inset-block: auto calc(100% + 8px); }
`;

const ID = "presence-progress-desk-styles";

/** Puts the styles into the document, once. */
export function adoptDeskStyles() {
  if (document.getElementById(ID)) return;
  const style = document.createElement("style");
  style.id = ID;
  style.textContent = css;
  document.head.append(style);
}
