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
const pump = need("WARDLINE_PUMP");
const rollout = process.env.WARDLINE_ROLLOUT;
const shots = need("WARDLINE_SHOTS");
const big = process.env.WARDLINE_CASE === "hospital";
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
const watch = (page) => {
  page.on("pageerror", (error) => check(false, `script error on ${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    if (/content security policy/i.test(message.text())) check(false, `policy on ${page.url()}: ${message.text()}`);
  });
};

const examine = async (page, name) => {
  const refused = await page.evaluate(() => window.refusedByPolicy);
  check(refused.length === 0, `${name}: nothing refused by the policy ${refused.join("; ")}`);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(sideways <= 0, `${name}: does not scroll sideways (${sideways} px)`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter((finding) => ["serious", "critical"].includes(finding.impact));
  const words = grave.map((finding) => `${finding.id} (${finding.nodes.length}): ${finding.nodes[0].html.slice(0, 160)} ${finding.nodes[0].any?.[0]?.message ?? ""}`);
  check(grave.length === 0, `${name}: axe ${words.join(" | ")}`);
};

const looks = [
  { colour: "light", width: 1280 },
  { colour: "dark", width: 1280 },
  { colour: "light", width: 390 },
  { colour: "dark", width: 390 },
];
const see = async (page, name, path) => {
  for (const { colour, width } of looks) {
    await page.emulateMedia({ colorScheme: colour });
    await page.setViewportSize({ width, height: 844 });
    if (path) await page.goto(base + path, { waitUntil: "load" });
    await page.waitForTimeout(50); // one frame, for the picture only
    await examine(page, `${name} ${colour} ${width}`);
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
  if (!big) await see(page, "sign-in");
  await page.goto(base + link);
  if (!big) await see(page, "sign-in-once");
  await page.click("button");
  check(page.url().includes("/settings"), "the link leads to the password");
  await page.fill("#password", password);
  await page.fill("#again", password);
  await page.click("text=Set password");
  await page.fill("#name", "anna");
  await page.fill("#password", password);
  await page.click("main button");
  await page.waitForSelector("h1");
  check(new URL(page.url()).pathname === "/", "the password leads to the overview");

  if (big) {
    await hospital();
  } else {
    await ward();
  }
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
  await see(page, "pump", `/pumps/${pump}`);
  await see(page, "rollouts", "/rollouts");
  await see(page, "rollout", `/rollouts/${rollout}`);
  await see(page, "enrolment", "/enrolment");
  await see(page, "audit", "/audit");
  await see(page, "settings", "/settings");
  await see(page, "not-found", "/nowhere");

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
  await page.keyboard.press("Escape");

  // Columns are chosen in the address bar.
  await page.goto(base + "/pumps");
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

  // Live: a change elsewhere shows without a reload, and keeps the focus where it was.
  const id = (await (await api("GET", "/api/v1/pumps?search=INF-0004")).json()).pumps[0].id;
  await page.goto(base + "/pumps?search=INF-0004");
  await page.waitForSelector("#live[data-state=live]");
  await page.evaluate(() => { window.sameDocument = true; });
  await page.keyboard.press("j");
  const began = Date.now();
  await api("POST", `/api/v1/pumps/${id}/quarantine`, { reason: "scan seen <b>by</b> the walk" });
  await page.waitForFunction(() => document.querySelector("#list").textContent.includes("quarantined"), null, { timeout: 10_000 });
  console.log(`     a change was on the screen after ${Date.now() - began} ms`);
  check(await page.evaluate(() => window.sameDocument === true), "a change shows without a reload");
  check(await page.evaluate(() => document.activeElement.closest("tr[data-row]") !== null), "the focus stays in its row");
  await page.goto(`${base}/pumps/${id}`);
  await see(page, "pump-quarantined");

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
  await page.waitForSelector("#live[data-state=stale]", { timeout: 20_000 });
  check(true, "a page that is no longer live says so");
  await page.screenshot({ path: `${shots}/stale.png` });
}

async function hospital() {
  for (const path of ["/", "/pumps", "/pumps?search=ICU", "/pumps?attention=good&sort=last-seen&page=40", "/pumps.csv"]) {
    await api("GET", "/api/v1/pumps?size=1");
    const times = [];
    for (let i = 0; i < 5; i += 1) {
      const began = performance.now();
      await (await api("GET", path)).text();
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    console.log(`     ${path}: ${times[2].toFixed(0)} ms (median of 5, server and loopback)`);
  }
  await page.goto(base + "/pumps");
  const painted = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  await page.waitForFunction(painted, null, { timeout: 5_000 }).catch(() => {});
  const paint = await page.evaluate(painted);
  console.log(`     first paint of the list: ${paint?.toFixed(0)} ms`);
  check((await page.textContent("#answer")).replace(/\D/g, "").startsWith("20000"), "all 20,000 are counted");
  await see(page, "hospital-overview", "/");
  await see(page, "hospital-pumps", "/pumps?sort=urgency");
}
