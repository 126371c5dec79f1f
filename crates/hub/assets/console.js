// The console's one script. Pages work without it; it adds: live refresh by server-sent events, keys, and small comforts.
// It builds no HTML out of data and evaluates nothing (attack class A25): fragments come escaped from the server.
"use strict";
(() => {
  const mark = document.getElementById("live");
  const banner = document.getElementById("cut");
  const part = (name) => banner?.querySelector(`[data-when=${name}]`);
  let fresh = Date.now(); // when the page last showed the truth
  let state = "off";
  const show = (next, words) => {
    state = next;
    if (mark && mark.dataset.state !== next) {
      mark.dataset.state = next;
      mark.querySelector("[data-words]").textContent = words;
    }
    if (!banner) return;
    banner.hidden = next === "live" || next === "off";
    part("stale").hidden = next !== "stale";
    part("out").hidden = next !== "out";
  };
  const age = () => {
    const s = Math.round((Date.now() - fresh) / 1000);
    return s < 120 ? `${s} s` : s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
  };
  setInterval(() => {
    if (state === "stale") part("stale").querySelector("[data-age]").textContent = age();
  }, 1000);

  // Live: when the server says that something changed, fetch this page again and put what differs into the regions marked
  // data-live. What takes long is done less often, so that a screen never keeps the hub busy.
  let busy = false;
  let again = false;
  let late = false;
  const refresh = async () => {
    if (document.hidden) { late = true; return; }
    if (busy) { again = true; return; }
    busy = true;
    const began = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error", cache: "no-store" });
      if (answer.status === 401) { signedOut(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const focused = document.activeElement?.id;
      for (const old of document.querySelectorAll("[data-live]")) {
        const next = page.getElementById(old.id);
        if (next) morph(old, next);
      }
      // A row that moved to another place lost the focus on the way.
      if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
      count();
      fresh = Date.now();
      show("live", "live");
    } catch {
      show("stale", "not live");
    } finally {
      const rest = Math.max(200, 4 * (performance.now() - began));
      setTimeout(() => { busy = false; if (again) { again = false; refresh(); } }, rest);
    }
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && late) { late = false; refresh(); }
  });

  // Makes `old` like `next` by touching only what differs: focus, selection, scrolling, what is ticked, typed and unfolded
  // stay as they are. Elements with an id keep to their id; others keep to their place.
  const morph = (old, next) => {
    if (old.isEqualNode(next)) return;
    if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName || (old.id || "") !== (next.id || "")) {
      old.replaceWith(document.importNode(next, true));
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    if (old.matches("input, textarea, select") && old.type !== "hidden") return;
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value && name !== "hidden") old.setAttribute(name, value);
    }
    const wantedIds = new Set([...next.children].map((child) => child.id));
    const named = new Map();
    for (const child of [...old.children]) {
      if (child.id && !wantedIds.has(child.id)) child.remove();
      else if (child.id) named.set(child.id, child);
    }
    let at = old.firstChild;
    for (const wanted of [...next.childNodes]) {
      const known = wanted.id ? named.get(wanted.id) : null;
      if (known && known !== at) { old.insertBefore(known, at); at = known; }
      const here = known ?? (at && !(at.id && at.id !== wanted.id) ? at : null);
      if (here) {
        at = here.nextSibling;
        morph(here, wanted);
      } else {
        old.insertBefore(document.importNode(wanted, true), at);
      }
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  };

  // The stream of events. A browser connects again by itself only after some faults, and does not notice a line that went
  // silent; this does both. The server says something at least every 15 s.
  let source = null;
  let heard = Date.now();
  let wait = 1000;
  const signedOut = () => { source?.close(); source = null; wait = Infinity; show("out", "signed out"); };
  const connect = () => {
    source?.close();
    heard = Date.now();
    source = new EventSource("/live");
    source.addEventListener("changed", () => { heard = Date.now(); wait = 1000; refresh(); });
    source.addEventListener("ended", signedOut);
    source.addEventListener("error", () => {
      source?.close();
      source = null;
      if (wait === Infinity) return;
      show("stale", "not live");
      setTimeout(retry, wait);
      wait = Math.min(wait * 2, 8000);
    });
  };
  const retry = async () => {
    // An ended session is not a broken line: the server says which it is.
    const answer = await fetch("/live", { method: "HEAD", headers: { "X-Live": "1" }, redirect: "manual" }).catch(() => null);
    if (answer?.status === 401) signedOut(); else if (!source) connect();
  };
  if (mark) {
    connect();
    setInterval(() => {
      if (source && Date.now() - heard > 40_000) { show("stale", "not live"); connect(); }
    }, 5000);
    addEventListener("online", () => { if (!source && wait !== Infinity) connect(); });
    // A page that is kept for the back button must not hold one of the browser's few connections.
    addEventListener("pagehide", () => { source?.close(); source = null; });
    addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  }

  // Keys: / searches, g and a letter goes, j and k (or the arrows) move between rows, ? lists them.
  const goes = {
    o: "/", p: "/pumps", r: "/rollouts", n: "/provisioning", e: "/enrolment", t: "/strangers", c: "/certificates", a: "/audit",
    s: "/settings",
  };
  let wentG = 0;
  const rows = () => [...document.querySelectorAll("tr[data-row]")];
  const move = (step) => {
    const all = rows();
    if (!all.length) return false;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const to = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    to.querySelector("a")?.focus();
    return true;
  };
  const shut = (menu) => {
    menu.open = false;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const menu = document.querySelector("details.menu[open]");
    if (event.key === "Escape" && menu) { shut(menu); return; }
    const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (performance.now() - wentG < 1500 && wentG && goes[event.key]) {
      location.assign(goes[event.key]);
      return;
    }
    wentG = event.key === "g" ? performance.now() : 0;
    const inRow = document.activeElement?.closest?.("tr[data-row]");
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "?") {
      document.getElementById("keys")?.showModal();
    } else if (event.key === "j" || (inRow && event.key === "ArrowDown")) {
      if (move(1)) event.preventDefault();
    } else if (event.key === "k" || (inRow && event.key === "ArrowUp")) {
      if (move(-1)) event.preventDefault();
    } else if (event.key === "x" && inRow) {
      const box = inRow.querySelector("input[type=checkbox]");
      if (box) { box.checked = !box.checked; count(); }
    } else if (event.key === "n" || event.key === "p") {
      document.querySelector(event.key === "n" ? "a[rel=next]" : "a[rel=prev]")?.click();
    }
  });

  // Small comforts.
  const count = () => {
    const bar = document.getElementById("chosen");
    if (!bar) return;
    const ticked = document.querySelectorAll("input[name=pump]:checked").length;
    bar.hidden = ticked === 0;
    const words = bar.querySelector("[data-count]");
    if (words) words.textContent = ticked === 1 ? "1 pump chosen" : `${ticked} pumps chosen`;
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[name=pump]")) count();
    if (event.target.matches("input[data-all]")) {
      for (const box of document.querySelectorAll("input[name=pump]")) box.checked = event.target.checked;
      count();
    }
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
    if (event.target.matches("input[type=file][data-into]")) {
      const into = document.getElementById(event.target.dataset.into);
      event.target.files[0]?.text().then((text) => { into.value = text; into.focus(); });
    }
  });
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard?.writeText(copy.dataset.copy).then(() => { copy.textContent = "copied"; });
    }
    if (event.target.closest("[data-print]")) window.print();
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    if (event.target.closest("[data-keys]")) document.getElementById("keys")?.showModal();
    const menu = document.querySelector("details.menu[open]");
    if (menu && !menu.contains(event.target)) menu.open = false;
  });
  // A picture that is wider than the screen shows its newest end first.
  for (const wide of document.querySelectorAll(".scroll.wide")) wide.scrollLeft = wide.scrollWidth;
  for (const hidden of document.querySelectorAll("[data-scripted]")) hidden.hidden = false;
  count();
})();
