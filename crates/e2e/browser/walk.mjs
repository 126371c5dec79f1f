// Walks the console in real Chromium: every page, light and dark, wide and narrow. Fails on serious accessibility findings,
// on anything that the content policy refused, on script errors, on sideways scrolling, and on keys that do not work.
// Started by crates/e2e/tests/browser; what it needs comes in the environment.

import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start this through \`cargo test -p wardline-e2e --test browser\``);
  return value;
};
const base = need("WARDLINE_URL");
const link = need("WARDLINE_LINK");
const token = need("WARDLINE_TOKEN");
const pump = process.env.WARDLINE_PUMP;
const stories = (process.env.WARDLINE_STORIES ?? "").split(" ").filter(Boolean).map((pair) => pair.split("="));
const rollout = process.env.WARDLINE_ROLLOUT;
const shots = need("WARDLINE_SHOTS");
const which = need("WARDLINE_CASE");
const password = "correct horse battery staple";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
mkdirSync(shots, { recursive: true });

const faults = [];
const check = (fits, what) => {
  console.log(`${fits ? "ok  " : "FAIL"} ${what}`);
  if (!fits) faults.push(what);
};

const context = await chromium.launchPersistentContext(need("WARDLINE_PROFILE"), {
  executablePath: need("WARDLINE_CHROMIUM"),
  headless: true,
  ignoreHTTPSErrors: true,
  viewport: { width: 1280, height: 800 },
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
await context.addInitScript(() => {
  window.refusedByPolicy = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.refusedByPolicy.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile ?? ""}`);
  });
});
// The answers that a walk asks for on purpose, such as 404: a browser writes them into its console too.
let expected = [];
const watch = (page) => {
  page.on("pageerror", (error) => check(false, `script error on ${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    if (expected.some((pattern) => pattern.test(message.text()))) return;
    check(false, `the browser complains on ${page.url()}: ${message.text()}`);
  });
};

const examine = async (page, name, thorough = true) => {
  const refused = await page.evaluate(() => window.refusedByPolicy);
  check(refused.length === 0, `${name}: nothing refused by the policy ${refused.join("; ")}`);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(sideways <= 0, `${name}: does not scroll sideways (${sideways} px)`);
  // Nothing but the page itself may have a place to stop at and no name, and no picture may be without words.
  const mute = await page.evaluate(() => [...document.querySelectorAll("svg[role=img]")].filter((svg) => !svg.getAttribute("aria-label")).length);
  check(mute === 0, `${name}: every picture has a name`);
  // Only before axe has been here: it leaves styles of its own.
  const inline = await page.evaluate(() => (window.axe ? 0 : document.querySelectorAll("[style], style, script:not([src]), [onclick], [onload]").length));
  check(inline === 0, `${name}: nothing inline`);
  const cut = await page.evaluate(() => [...document.querySelectorAll(".state, button, .button, .chip")].filter((part) => part.scrollWidth > part.clientWidth + 1 && part.getClientRects().length).map((part) => part.textContent.trim().slice(0, 40)));
  check(cut.length === 0, `${name}: no badge or button is cut off: ${cut.join(", ")}`);
  if (!thorough) return;
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter((finding) => ["serious", "critical"].includes(finding.impact));
  const words = grave.map((finding) => `${finding.id} (${finding.nodes.length}): ${finding.nodes[0].html.slice(0, 160)} ${finding.nodes[0].any?.[0]?.message ?? ""}`);
  check(grave.length === 0, `${name}: axe ${words.join(" | ")}`);
};

const looks = [
  { colour: "light", width: 1440, height: 900 },
  { colour: "dark", width: 1440, height: 900 },
  { colour: "light", width: 1024, height: 768, sizeOnly: true },
  { colour: "dark", width: 390, height: 844, sizeOnly: true },
  { colour: "light", width: 390, height: 844 },
];
const see = async (page, name, path) => {
  for (const { colour, width, height, sizeOnly } of looks) {
    await page.emulateMedia({ colorScheme: colour, reducedMotion: colour === "dark" ? "reduce" : "no-preference" });
    await page.setViewportSize({ width, height });
    if (path) await page.goto(base + path, { waitUntil: "load" });
    await page.waitForTimeout(50); // one frame, for the picture only
    await examine(page, `${name} ${colour} ${width}`, !sizeOnly);
    await page.screenshot({ path: `${shots}/${name}-${colour}-${width}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
};

const api = (method, path, body) =>
  fetch(base + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: body ? JSON.stringify(body) : undefined,
  });

const page = await context.newPage();
watch(page);
try {
  // In by the one-time link, then a password, then again with it.
  await page.goto(base + "/pumps");
  check(page.url().includes("/sign-in?next=/pumps"), "nobody is sent to sign in");
  if (which === "ward") await see(page, "sign-in");
  await page.goto(base + link);
  if (which === "ward") await see(page, "sign-in-once");
  await page.click("button");
  check(page.url().includes("/settings"), "the link leads to the password");
  const cookie = (await context.cookies()).find((one) => one.name === "__Host-wardline");
  check(cookie?.httpOnly && cookie.secure && cookie.sameSite === "Strict" && cookie.path === "/", "the session's cookie is locked to this host, to TLS and to our own pages");
  await page.fill("#password", password);
  await page.fill("#again", password);
  await page.click("text=Set password");
  check((await page.textContent(".notice")).includes("Your password is set"), "it says that the password is set");
  check((await page.inputValue("#name")) === "anna", "it knows the name");
  await page.fill("#password", password);
  await page.click("main button");
  await page.waitForSelector("h1");
  check(new URL(page.url()).pathname === "/", "the password leads to the overview");

  await { ward, hospital, empty }[which]();
} catch (error) {
  check(false, `the walk stopped: ${error.stack}`);
  await page.screenshot({ path: `${shots}/stopped.png` }).catch(() => {});
} finally {
  await context.close();
}
console.log(faults.length === 0 ? "all well" : `${faults.length} faults:\n${faults.join("\n")}`);
process.exit(faults.length === 0 ? 0 : 1);

async function ward() {
  await see(page, "overview", "/");
  await see(page, "pumps", "/pumps");
  await see(page, "pumps-all-columns", "/pumps?" + ["state", "area", "therapy", "library", "seen", "life", "model", "place", "certificate"].map((key) => `column=${key}`).join("&"));
  await see(page, "pumps-filtered", "/pumps?attention=needs-person&sort=urgency");
  await see(page, "pumps-none", "/pumps?search=nothing-like-this");
  for (const [name, id] of stories) {
    await see(page, `pump-${name}`, `/pumps/${id}`);
    const answer = await page.textContent("#answer");
    const says = { infusing: "in order", staged: "staged", refused: "Whose turn", silent: "not heard of", quarantined: "port scan", "no-hold": "cannot grant a hold", expected: "has not enrolled" }[name];
    check(!says || answer.includes(says), `pump-${name}: the answer on top says "${says}"`);
  }
  await see(page, "rollouts", "/rollouts");
  await see(page, "rollout", `/rollouts/${rollout}`);
  await see(page, "enrolment", "/enrolment");
  check((await page.textContent("#refused")).includes("it does not speak TLS"), "the list of the refused says why in words");
  await see(page, "certificates", "/certificates");
  await see(page, "audit", "/audit");
  await see(page, "settings", "/settings");
  expected = [/status of 404/];
  await see(page, "not-found", "/nowhere");
  await see(page, "no-such-pump", "/pumps/6f1c2a34-0000-4000-8000-000000000001");
  expected = [];

  // Rows that are wrong are named.
  await page.goto(base + "/enrolment");
  await page.fill("#manifest", "asset_tag,model,serial,care_area\nINF-9,Halcyon 3,,Ward 1\n=cmd,Halcyon 3,S9,Ward 1\n");
  await page.click("text=Check and import");
  await see(page, "enrolment-errors");
  // Codes are shown once, for paper.
  await page.goto(base + "/enrolment");
  await page.click("#expected input[data-all], form input[data-all]");
  await page.click("text=Make one-time codes");
  await see(page, "codes");
  await page.emulateMedia({ media: "print" });
  await page.screenshot({ path: `${shots}/codes-print.png`, fullPage: true });
  await page.emulateMedia({ media: null });
  // The chain is verified by a button.
  await page.goto(base + "/audit");
  await page.click("text=Verify the chain");
  check((await page.textContent(".notice")).includes("Whole"), "the audit trail is whole");
  await see(page, "audit-verified");

  // Keys.
  await page.goto(base + "/");
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await page.waitForURL("**/pumps");
  check(true, "g p goes to pumps");
  await page.keyboard.press("/");
  check((await page.evaluate(() => document.activeElement.id)) === "search", "/ focuses the search");
  await page.keyboard.type("INF-0003");
  await page.keyboard.press("Enter");
  await page.waitForURL("**search=INF-0003**");
  check((await page.locator("tr[data-row]").count()) === 1, "a search finds one");
  await page.keyboard.press("j");
  check(await page.evaluate(() => document.activeElement.closest("tr[data-row]") !== null), "j goes to the first row");
  await page.keyboard.press("x");
  check(await page.locator("#chosen").isVisible(), "x chooses the row");
  await page.screenshot({ path: `${shots}/pumps-chosen.png` });
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/pumps\/[0-9a-f-]{36}$/);
  check(true, "Enter opens the row");
  await page.keyboard.press("?");
  check(await page.locator("#keys").isVisible(), "? lists the keys");
  await page.screenshot({ path: `${shots}/keys.png` });
  for (let i = 0; i < 8; i += 1) await page.keyboard.press("Tab");
  check(await page.evaluate(() => document.querySelector("#keys").contains(document.activeElement) || document.activeElement === document.body), "a dialog keeps the focus");
  await page.keyboard.press("Escape");
  check(!(await page.locator("#keys").isVisible()), "Escape closes the dialog");

  // The first stop of the keyboard skips the bar, and every stop is seen.
  await page.goto(base + "/pumps");
  await page.keyboard.press("Tab");
  check((await page.evaluate(() => document.activeElement.textContent)) === "Skip to content", "the first stop skips the bar");
  await page.keyboard.press("Enter");
  check(await page.evaluate(() => document.activeElement.id === "main"), "it leads to the content");
  await page.keyboard.press("Tab");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  check(ring !== "none", "the focus is seen");

  // Columns are chosen in the address bar.
  await page.goto(base + "/pumps");
  await page.click("text=Columns");
  await page.keyboard.press("Escape");
  check(!(await page.locator("#columns > div").isVisible()), "Escape closes the menu");
  await page.click("text=Columns");
  await page.check("input[name=column][value=model]");
  await page.screenshot({ path: `${shots}/columns.png` });
  await page.click("text=Show these");
  check(page.url().includes("column=model"), "columns are in the address");
  check((await page.textContent("thead")).includes("Model"), "the chosen column is there");

  // A set is shown before it is quarantined.
  await page.goto(base + "/pumps?search=INF-000");
  await page.check("tr[data-row]:nth-child(1) input[name=pump]");
  await page.check("tr[data-row]:nth-child(2) input[name=pump]");
  await page.click("#chosen button");
  await see(page, "chosen");

  // Live: a change elsewhere shows without a reload; focus, ticks, typed words and the place on the page stay.
  const id = (await (await api("GET", "/api/v1/pumps?search=INF-0004")).json()).pumps[0].id;
  await page.goto(base + "/pumps");
  await page.waitForSelector("#live[data-state=live]");
  await page.setViewportSize({ width: 1440, height: 500 });
  await page.focus(`#go-${id}`);
  await page.check("tr[data-row]:nth-child(9) input[name=pump]");
  await page.fill("#search", "half typed");
  await page.focus(`#go-${id}`);
  await page.evaluate((id) => {
    window.scrollTo(0, 300);
    window.sameRow = document.getElementById(`row-${id}`);
    window.flashes = 0;
    new MutationObserver((list) => { window.flashes += list.filter((one) => [...one.removedNodes].some((node) => node.nodeName === "TR")).length; })
      .observe(document.querySelector("#list"), { childList: true, subtree: true });
  }, id);
  const began = Date.now();
  await api("POST", `/api/v1/pumps/${id}/quarantine`, { reason: "scan seen <b>by</b> the walk" });
  await page.waitForFunction((id) => document.getElementById(`row-${id}`).textContent.includes("quarantined"), id, { timeout: 10_000 });
  console.log(`     a change was on the screen after ${Date.now() - began} ms`);
  const after = await page.evaluate((id) => ({
    same: window.sameRow === document.getElementById(`row-${id}`),
    focus: document.activeElement.id === `go-${id}`,
    ticked: document.querySelectorAll("input[name=pump]:checked").length,
    typed: document.querySelector("#search").value,
    scroll: window.scrollY,
    flashes: window.flashes,
  }), id);
  check(after.same && after.flashes === 0, "a change touches only what differs: the row is the same, nothing flickers");
  check(after.focus, "the focus stays in its row");
  check(after.ticked === 1 && after.typed === "half typed", "what is ticked and typed stays");
  check(after.scroll === 300, `the place on the page stays (${after.scroll})`);
  await page.setViewportSize({ width: 1440, height: 900 });

  // A line that is cut is said, and comes back by itself.
  expected = [/ERR_INTERNET_DISCONNECTED/, /ERR_NETWORK/, /Failed to load resource/];
  await context.setOffline(true);
  await page.evaluate(() => window.dispatchEvent(new Event("offline")));
  await page.waitForSelector("#cut:not([hidden])", { timeout: 60_000 });
  check((await page.textContent("#cut")).includes("does not answer"), "a cut line is said");
  await examine(page, "a page that is not live");
  await page.screenshot({ path: `${shots}/cut-off.png` });
  const meanwhile = (await (await api("GET", "/api/v1/pumps?search=INF-0007")).json()).pumps[0].id;
  await api("POST", `/api/v1/pumps/${meanwhile}/quarantine`, { reason: "while nobody could see it" });
  await context.setOffline(false);
  await page.waitForSelector("#live[data-state=live]", { timeout: 30_000 });
  await page.waitForFunction((id) => document.getElementById(`row-${id}`).textContent.includes("quarantined"), meanwhile, { timeout: 10_000 });
  check(await page.locator("#cut").isHidden(), "it comes back by itself, with what happened meanwhile");
  expected = [];

  // Every page that shows the fleet is live.
  for (const path of ["/", "/pumps", `/pumps/${pump}`, "/rollouts", `/rollouts/${rollout}`, "/enrolment", "/certificates", "/audit"]) {
    await page.goto(base + path);
    await page.waitForSelector("#live[data-state=live]", { timeout: 10_000 });
    check(await page.locator("[data-live]").count() > 0, `${path} is live`);
  }
  await page.goto(`${base}/pumps/${id}`);

  // By mouse: give it back, with a reason.
  await page.click("text=Release from quarantine");
  await page.fill("#reason-release", "false alarm");
  await page.click("button:text-is('Release')");
  check((await page.textContent(".notice")).includes("Released"), "the pump is given back");
  await page.click("details.act summary:text-is('Quarantine')");
  await page.waitForTimeout(50);
  await examine(page, "pump with an act unfolded");
  await page.screenshot({ path: `${shots}/pump-decide.png`, fullPage: true });

  // Signing out elsewhere is seen here.
  const other = await context.newPage();
  watch(other);
  await page.goto(base + "/");
  await page.waitForSelector("#live[data-state=live]");
  await other.goto(base + "/audit");
  await other.click("text=Sign out");
  expected = [/status of 401/];
  await page.waitForSelector("#cut:not([hidden]) [data-when=out]:not([hidden])", { timeout: 20_000 });
  check((await page.textContent("#live")).includes("signed out"), "a page that is signed out says so");
  await examine(page, "a page that is signed out");
  await page.screenshot({ path: `${shots}/signed-out.png` });

  // Somebody who may only look is offered nothing else, and is told why when asking for it.
  await page.goto(base + need("WARDLINE_VIEWER"));
  await page.click("button");
  await see(page, "viewer-settings", "/settings");
  await see(page, "viewer-pump", `/pumps/${pump}`);
  check((await page.locator("form[action^='/pumps/']").count()) === 0, "a viewer is offered no decision");
  expected = [/status of 403/];
  await page.evaluate(() => {
    const form = document.querySelector("form[action='/sign-out']").cloneNode(true);
    form.action = "/audit/verify";
    document.body.append(form);
    form.submit();
  });
  await page.waitForSelector("text=Not allowed");
  await see(page, "not-allowed");
  check((await page.textContent("main")).includes("ask"), "a refusal says whom to ask");
}

async function empty() {
  for (const path of ["/", "/pumps", "/rollouts", "/enrolment", "/certificates", "/audit", "/settings"]) {
    await see(page, `empty${path === "/" ? "" : "-"}${path.slice(1) || "-overview"}`, path);
  }
}

async function hospital() {
  const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
  // What the machine gives at this moment: without it the figures below mean nothing.
  const quiet = [];
  for (let i = 0; i < 9; i += 1) {
    const began = performance.now();
    await (await api("GET", "/assets/icon.svg")).text();
    quiet.push(performance.now() - began);
  }
  console.log(`     the smallest answer of all: ${median(quiet).toFixed(1)} ms (median of 9, loopback)`);
  for (const path of ["/", "/pumps", "/pumps?search=ICU", "/pumps?attention=good&sort=last-seen&page=40", "/pumps.csv", `/rollouts/${rollout}`]) {
    const times = [];
    for (let i = 0; i < 5; i += 1) {
      const began = performance.now();
      await (await api("GET", path)).text();
      times.push(performance.now() - began);
    }
    console.log(`     ${path}: ${median(times).toFixed(0)} ms (median of 5, server and loopback)`);
  }
  const painted = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const paint = async (path) => {
    const times = [];
    for (let i = 0; i < 5; i += 1) {
      await page.goto(base + path);
      await page.waitForFunction(painted, null, { timeout: 5_000 }).catch(() => {});
      times.push(await page.evaluate(painted));
    }
    return median(times).toFixed(0);
  };
  console.log(`     first paint of settings, a page without pumps: ${await paint("/settings")} ms (median of 5)`);
  console.log(`     first paint of the list of pumps: ${await paint("/pumps")} ms (median of 5)`);
  console.log(`     first paint of a search: ${await paint("/pumps?search=ICU&sort=urgency")} ms (median of 5)`);
  check((await page.textContent("#answer")).includes("of 20"), "a search says of how many");
  await page.goto(base + "/pumps");
  check((await page.textContent("#answer")).replace(/\D/g, "").startsWith("20000"), "all 20,000 are counted");

  // From a decision elsewhere to the changed word on the screen.
  await page.waitForSelector("#live[data-state=live]");
  const shown = await page.evaluate(() => [...document.querySelectorAll("tr[data-row]")].slice(0, 7).map((row) => row.id.slice(4)));
  const delays = [];
  for (const id of shown) {
    await page.waitForTimeout(1_500); // so that the page is at rest, as it is when somebody looks at it
    await page.evaluate((id) => {
      window.seen = null;
      const row = document.getElementById(`row-${id}`);
      new MutationObserver(() => { if (row.textContent.includes("measured")) window.seen ??= Date.now(); })
        .observe(row, { childList: true, subtree: true, characterData: true });
    }, id);
    const began = Date.now();
    await api("POST", `/api/v1/pumps/${id}/quarantine`, { reason: "measured" });
    await page.waitForFunction(() => window.seen, null, { timeout: 20_000, polling: 50 });
    delays.push((await page.evaluate(() => window.seen)) - began);
  }
  console.log(`     a change is on the screen after ${median(delays)} ms, at most ${Math.max(...delays)} ms (${delays.length} changes)`);
  await see(page, "hospital-overview", "/");
  await see(page, "hospital-pumps", "/pumps?sort=urgency");
  await see(page, "hospital-rollout", `/rollouts/${rollout}`);
}
