// The console's one script. Pages work without it; it adds: live refresh by server-sent events, keys, and small comforts.
// It builds no HTML out of data and evaluates nothing (attack class A25): fragments come escaped from the server.
"use strict";
(() => {
  const mark = document.getElementById("live");
  const say = (state, words) => {
    if (!mark || mark.dataset.state === state) return;
    mark.dataset.state = state;
    mark.querySelector("[data-words]").textContent = words;
  };

  // Live: when the server says that something changed, fetch this page again and swap the regions marked data-live.
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error", cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(old.id);
        if (fresh && fresh.innerHTML !== old.innerHTML) swap(old, fresh);
      }
      say("live", "live");
    } catch {
      say("stale", "not live: showing old data");
    } finally {
      busy = false;
      if (again) { again = false; setTimeout(refresh, 500); }
    }
  };

  // Swapping keeps the focused row, what is ticked and what is unfolded.
  const swap = (old, fresh) => {
    const active = document.activeElement;
    if (active && old.contains(active) && active.matches("input[type=text], textarea, select")) return;
    const focused = active && old.contains(active) ? active.closest("[id]")?.id : null;
    const ticked = [...old.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value);
    const open = [...old.querySelectorAll("details[open][id]")].map((part) => part.id);
    old.replaceChildren(...document.adoptNode(fresh).childNodes);
    for (const box of old.querySelectorAll("input[type=checkbox]")) box.checked = ticked.includes(box.value);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) {
      const back = document.getElementById(focused);
      (back?.matches("a, button, input, [tabindex]") ? back : back?.querySelector("a, button, input"))?.focus();
    }
    count();
  };

  if (mark) {
    const source = new EventSource("/live");
    source.addEventListener("changed", refresh);
    source.addEventListener("open", () => say("live", "live"));
    source.addEventListener("error", () => say("stale", "not live: showing old data"));
    source.addEventListener("ended", () => { source.close(); say("stale", "signed out: showing old data"); });
  }

  // Keys: / searches, g and a letter goes, j and k (or the arrows) move between rows, ? lists them.
  const goes = { o: "/", p: "/pumps", r: "/rollouts", e: "/enrolment", a: "/audit", s: "/settings" };
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
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
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
  });
  for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;
  count();
})();
