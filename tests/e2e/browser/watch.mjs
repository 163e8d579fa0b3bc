// Watches a stream on the player page in a real browser, as a person would, and says how it went.
//
//   node watch.mjs URL [--levels 480p,360p] [--seconds 6] [--screenshot FILE] [--phone] [--dark]
//                      [--restart-after-line]
//
// Prints one JSON object as its last line on stdout; exit code 0 when all of it held, 1 when not,
// 2 when it could not be tried. With --restart-after-line it prints `ready` once the stream plays,
// waits for a line on stdin, and then asks that the picture moves again without a reload of the page.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

/** The first picture has to be there by then. */
const START_MS = 30_000;
/** A chosen quality has to be on the screen by then: what is buffered plays out first. */
const SWITCH_MS = 20_000;
/** After a restart of the stream so much has to be played, more than was ever buffered … */
const AFTER_RESTART_S = 15;
/** … within this time. */
const RECOVER_MS = 60_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    levels: { type: 'string' },
    seconds: { type: 'string', default: '6' },
    screenshot: { type: 'string' },
    phone: { type: 'boolean', default: false },
    dark: { type: 'boolean', default: false },
    'restart-after-line': { type: 'boolean', default: false },
  },
});
const [url] = positionals;
if (!url) {
  console.error('usage: node watch.mjs URL [--levels a,b] [--seconds N] [--screenshot FILE] [--phone] [--dark]');
  process.exit(2);
}

const report = { ok: false, url, problems: [] };

/** Notes what does not hold and goes on, so that one run tells everything. */
function expect(holds, problem) {
  if (!holds) report.problems.push(problem);
  return holds;
}

/** What the video element knows of itself. */
const look = (page) => page.evaluate(() => {
  const video = document.getElementById('video');
  const quality = video.getVideoPlaybackQuality();
  return {
    time: video.currentTime,
    width: video.videoWidth,
    height: video.videoHeight,
    paused: video.paused,
    frames: quality.totalVideoFrames,
    dropped: quality.droppedVideoFrames,
    error: video.error?.message ?? null,
  };
});

/** How different the brightest and darkest spot of the picture are: 0 for a picture of one colour. */
const contrast = (page) => page.evaluate(() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
  const context = canvas.getContext('2d');
  context.drawImage(document.getElementById('video'), 0, 0, 64, 36);
  const { data } = context.getImageData(0, 0, 64, 36);
  let [low, high] = [255, 0];
  for (let i = 0; i < data.length; i += 4) {
    const light = (data[i] + data[i + 1] + data[i + 2]) / 3;
    low = Math.min(low, light);
    high = Math.max(high, light);
  }
  return Math.round(high - low);
});

const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Watches for a while: time and frames have to go on. Where a wait is natural, as after a choice that
 * throws the buffer away, another while or two may pass first; the report counts them.
 */
async function plays(page, seconds, when, waits = 0) {
  const before = await look(page);
  await wait(seconds * 1000);
  const after = await look(page);
  const moved = after.time - before.time;
  if (waits > 0 && moved <= seconds * 0.6) {
    report.waits = (report.waits ?? 0) + 1;
    return plays(page, seconds, when, waits - 1);
  }
  expect(moved > seconds * 0.6, `${when}: time moved ${moved.toFixed(2)} s in ${seconds} s`);
  expect(after.frames > before.frames, `${when}: no new frame in ${seconds} s`);
  expect(!after.error, `${when}: ${after.error}`);
  return after;
}

/** Heights of the qualities offered, by name. */
const offered = (page) => page.evaluate(() => Object.fromEntries(
  [...document.querySelectorAll('#quality option')]
    .filter((option) => option.value !== 'auto')
    .map((option) => [option.value, Number(/×(\d+)/.exec(option.textContent)?.[1] ?? 0)]),
));

async function shows(page, height, name) {
  const started = Date.now();
  await page.waitForFunction(
    (wanted) => document.getElementById('video').videoHeight === wanted,
    height,
    { timeout: SWITCH_MS, polling: 100 },
  ).catch(() => {});
  const now = await look(page);
  expect(now.height === height, `${name} was chosen, the picture has ${now.width}x${now.height}`);
  report.switches.push({ name, size: `${now.width}x${now.height}`, ms: Date.now() - started });
}

async function switches(page, levels) {
  const names = Object.keys(levels).sort((a, b) => levels[a] - levels[b]);
  const [lowest, highest] = [names[0], names.at(-1)];
  report.switches = [];
  await page.selectOption('#quality', lowest);
  await shows(page, levels[lowest], lowest);
  await plays(page, 2, `on ${lowest}`, 2);
  // By keyboard: the qualities are listed from the best down, so + goes one up.
  await page.locator('#title').click();
  for (let step = 1; step < names.length; step += 1) await page.keyboard.press('+');
  expect(await page.inputValue('#quality') === highest, 'the + key did not choose the best quality');
  await shows(page, levels[highest], highest);
  await plays(page, 2, `on ${highest}`, 2);
  await page.selectOption('#quality', 'auto');
}

async function table(page, names) {
  await page.waitForFunction((n) => document.querySelectorAll('#renditions tbody tr').length >= n, names.length, { timeout: 10_000 }).catch(() => {});
  const rows = await page.evaluate(() => [...document.querySelectorAll('#renditions tbody tr')].map((row) => ({
    name: row.dataset.name,
    cells: [...row.cells].map((cell) => cell.textContent),
  })));
  for (const name of names) expect(rows.some((row) => row.name === name), `${name} is missing in the table`);
  report.table = rows.map((row) => row.cells.join(' | '));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wide <= 0, `the page is ${wide} pixels wider than the screen`);
}

/** The list of streams names this one as live and leads to it. */
async function list(context) {
  const page = await context.newPage();
  await page.goto(new URL('/', url).href, { timeout: START_MS });
  const path = new URL(url).pathname;
  const link = page.locator(`#streams a[href="${path}"]`);
  await link.waitFor({ timeout: 10_000 }).catch(() => {});
  const found = await link.count() === 1;
  if (expect(found, `the list of streams has no link to ${path}`)) {
    const state = await link.locator('.badge').textContent();
    expect(state === 'Live', `the list says ${state}`);
  }
  if (options.screenshot) await page.screenshot({ path: options.screenshot.replace(/(\.\w+)$/, '-list$1') });
  await page.close();
}

async function restart(page) {
  console.log('ready');
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => { lines.once('line', resolve); });
  lines.close();
  const started = Date.now();
  let [last, moved] = [await look(page), 0];
  while (Date.now() - started < RECOVER_MS) {
    await wait(500);
    const now = await look(page);
    // A new start counts from another time: only steps forward are what a viewer saw.
    if (now.time > last.time && now.time - last.time < 2) moved += now.time - last.time;
    last = now;
    if (moved > AFTER_RESTART_S) break;
  }
  report.moved_after_restart_s = Number(moved.toFixed(1));
  if (!expect(moved > AFTER_RESTART_S, `after the restart of the stream ${moved.toFixed(1)} s were played`)) return;
  await plays(page, 3, 'after the restart');
}

async function watch(page) {
  const host = new URL(url).host;
  page.on('pageerror', (error) => report.problems.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) report.problems.push(message.text());
  });
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (/^https?:$/.test(asked.protocol) && asked.host !== host) report.problems.push(`asks ${asked.host}`);
  });
  const started = Date.now();
  await page.goto(url, { timeout: START_MS });
  await page.waitForFunction(
    () => document.getElementById('video')?.currentTime > 0 && document.getElementById('video').videoWidth > 0,
    null,
    { timeout: START_MS, polling: 50 },
  );
  report.first_picture_ms = Date.now() - started;

  const wanted = options.levels?.split(',') ?? [];
  await page.waitForFunction((n) => document.querySelectorAll('#quality option').length > n, Math.max(wanted.length, 1), { timeout: START_MS }).catch(() => {});
  const levels = await offered(page);
  report.levels = Object.keys(levels);
  for (const name of wanted) expect(name in levels, `quality ${name} is not offered`);
  expect(report.levels.length > 1, `only these qualities are offered: ${report.levels}`);

  const seen = await plays(page, Number(options.seconds), 'at first');
  report.size = `${seen.width}x${seen.height}`;
  report.contrast = await contrast(page);
  expect(report.contrast > 20, `the picture is of one colour (contrast ${report.contrast})`);
  if (report.levels.length > 1) await switches(page, levels);
  await table(page, report.levels);
  const end = await plays(page, 2, 'at the end');
  report.frames = end.frames;
  report.dropped = end.dropped;
  report.notice = await page.evaluate(() => (document.getElementById('notice').hidden ? null : document.getElementById('notice-text').textContent));
  expect(report.notice === null, `the page says: ${report.notice}`);
  if (options.screenshot) await page.screenshot({ path: options.screenshot, fullPage: true });
  await list(page.context());
  if (options['restart-after-line']) await restart(page);
}

const profile = await mkdtemp(join(tmpdir(), 'streamflow-browser-'));
let browser;
try {
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    colorScheme: options.dark ? 'dark' : 'light',
    viewport: options.phone ? { width: 390, height: 844 } : { width: 1280, height: 900 },
    deviceScaleFactor: options.phone ? 2 : 1,
  });
  await watch(browser.pages()[0] ?? await browser.newPage());
  report.ok = report.problems.length === 0;
} catch (error) {
  report.problems.push(String(error.message ?? error).split('\n')[0]);
  if (!browser) process.exitCode = 2;
  else if (options.screenshot) await browser.pages()[0]?.screenshot({ path: options.screenshot }).catch(() => {});
} finally {
  await browser?.close().catch(() => {});
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
console.log(JSON.stringify(report));
process.exitCode ||= report.ok ? 0 : 1;
process.stdin.unref?.();
