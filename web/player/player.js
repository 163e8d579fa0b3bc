// The page: the list of streams at `/`, one stream at `/play/<name>`.

import { STATE_TEXT, follow, rate, seconds, since, size, stateOf } from './streams.js';
import { LiveVideo } from './video.js';

const at = (id) => document.getElementById(id);

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text != null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value != null) made.setAttribute(name, value);
  }
  return made;
}

/** Sets text only where it differs, so that selections and screen readers are left alone. */
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showAge(age) {
  const line = at('connection');
  line.hidden = age === 0;
  put(line, age ? `No word from the gateway for ${age} s` : '');
  document.querySelectorAll('#renditions, #streams').forEach((one) => one.classList.toggle('stale', age > 5));
}

// The list.

function showList() {
  at('home').hidden = false;
  put(at('publish'), `ffmpeg -re -i film.mp4 -c copy -f flv rtmp://${location.hostname}:1935/film`);
  let shown = '';
  follow('/stream/index.json', (answer) => {
    const streams = answer?.streams ?? [];
    at('nothing').hidden = streams.length > 0;
    const items = streams.map((stream) => describe(stream, answer.now_unix_ms));
    const text = JSON.stringify(items);
    if (text === shown) return;
    shown = text;
    const list = at('streams');
    const focused = document.activeElement?.getAttribute('href');
    list.replaceChildren(...items.map(card));
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }, showAge);
}

function describe(stream, now) {
  const state = stateOf(stream, now);
  const [source, ...renditions] = stream.variants;
  const ladder = renditions.filter((one) => one.segments > 0).map((one) => one.name);
  return {
    href: stream.player,
    name: stream.manifest,
    state,
    source: source?.segments ? `${size(source)}, ${rate(source.average_bandwidth)}` : 'Waiting for the first segment',
    ladder: ladder.length ? ladder.join(' · ') : 'no renditions yet',
    since: state === 'ended' ? '' : `On air ${since(now - stream.opened_unix_ms)}`,
  };
}

function card(stream) {
  const link = element('a', null, { href: stream.href });
  const name = element('div', null, { class: 'name' });
  name.append(element('span', stream.name), element('span', STATE_TEXT[stream.state], { class: 'badge', 'data-state': stream.state }));
  link.append(name, element('p', stream.source), element('p', stream.ladder));
  if (stream.since) link.append(element('p', stream.since));
  const item = element('li');
  item.append(link);
  return item;
}

// One stream.

function showStream(path) {
  const name = decodeURIComponent(path);
  document.title = `${name} · streamflow`;
  at('watch').hidden = false;
  put(at('title'), name);
  const playlist = `/stream/${path}.m3u8`;
  put(at('playlist'), new URL(playlist, location.href).href);
  const video = at('video');
  const player = new LiveVideo(video, playlist);
  connect(player, video);

  let was = null;
  follow(`/stream/${path}.json`, (answer) => {
    const state = answer ? stateOf(answer.stream, answer.now_unix_ms) : 'away';
    const badge = at('state');
    put(badge, STATE_TEXT[state]);
    badge.dataset.state = state;
    if (state === 'live' && was !== 'live') player.hurry();
    was = state;
    if (!answer) return;
    showRenditions(answer.stream, player.playing);
    player.offered(answer.stream.variants.filter((one) => one.segments > 0).map((one) => one.name));
  }, showAge);
}

function connect(player, video) {
  const quality = at('quality');
  player.addEventListener('levels', () => showLevels(quality, player));
  quality.addEventListener('change', () => player.choose(quality.value));
  player.addEventListener('notice', ({ detail }) => {
    at('notice').hidden = !detail;
    put(at('notice-text'), detail?.text ?? '');
    at('spinner').hidden = !detail?.busy;
    at('retry').hidden = !detail?.retry;
  });
  at('retry').addEventListener('click', () => player.load());
  at('live').addEventListener('click', () => player.goLive());
  at('unmute').addEventListener('click', () => { video.muted = false; });
  const sound = () => { at('unmute').hidden = !video.muted; };
  video.addEventListener('volumechange', sound);
  video.addEventListener('loadeddata', sound);
  at('copy').addEventListener('click', copy);
  document.addEventListener('keydown', (event) => press(event, player, video, quality));
  setInterval(() => showNow(player, video), 500);
}

function showLevels(quality, player) {
  const order = [...player.levels].sort((a, b) => b.height - a.height || b.bitrate - a.bitrate);
  const options = order.map(({ name, width, height, bitrate }) => {
    const picture = width && height ? ` · ${width}×${height}` : '';
    return element('option', `${name}${picture} · ${rate(bitrate)}`, { value: name });
  });
  quality.replaceChildren(element('option', 'Automatic', { value: 'auto' }), ...options);
  quality.value = order.some((level) => level.name === player.wanted) ? player.wanted : 'auto';
}

function showNow(player, video) {
  const { videoWidth, videoHeight } = video;
  const { behind } = player;
  put(at('now-size'), videoWidth ? `${videoWidth}×${videoHeight}` : '–');
  put(at('now-behind'), behind == null ? '–' : `${behind.toFixed(1)} s`);
  put(at('now-buffer'), `${player.buffered.toFixed(1)} s`);
  put(at('now-recovered'), String(player.recovered));
  const distance = player.edge == null ? null : player.edge - video.currentTime;
  at('live').dataset.atEdge = String(distance != null && distance < 4 && !video.paused);
  for (const row of at('renditions').tBodies[0].rows) row.dataset.playing = String(row.dataset.name === player.playing);
}

const MAKERS = { network: 'network', local: 'this gateway', source: 'passed through' };

function showRenditions(stream, playing) {
  const body = at('renditions').tBodies[0];
  const rows = new Map([...body.rows].map((row) => [row.dataset.name, row]));
  for (const variant of stream.variants) {
    const row = rows.get(variant.name) ?? body.appendChild(newRow(variant.name));
    rows.delete(variant.name);
    row.dataset.playing = String(variant.name === playing);
    fill(row, variant);
  }
  rows.forEach((row) => row.remove());
}

const COLUMNS = ['Picture', 'Bit rate', 'Segments', 'Last', 'Gaps', 'Late', 'Made by', 'Latency'];
const NUMBERS = new Set(['Bit rate', 'Segments', 'Last', 'Gaps', 'Late', 'Latency']);

function newRow(name) {
  const row = element('tr', null, { 'data-name': name });
  row.append(element('th', name, { scope: 'row' }));
  for (const label of COLUMNS) {
    const kind = label === 'Picture' ? 'picture' : NUMBERS.has(label) ? 'number' : null;
    row.append(element('td', null, { 'data-label': label, class: kind }));
  }
  return row;
}

function fill(row, variant) {
  const [, picture, bits, segments, last, gaps, late, maker, latency] = row.cells;
  const fps = variant.frame_rate ? `, ${Number(variant.frame_rate.toFixed(2))} fps` : '';
  put(picture, `${size(variant)}${fps}`);
  picture.title = variant.codecs.join(', ');
  put(bits, rate(variant.average_bandwidth));
  bits.title = `peak ${rate(variant.bandwidth)}`;
  put(segments, String(variant.segments));
  put(last, variant.last_number == null ? '–' : String(variant.last_number));
  put(gaps, String(variant.gaps));
  gaps.dataset.some = String(variant.gaps > 0);
  put(late, String(variant.late));
  late.dataset.some = String(variant.late > 0);
  put(maker, madeBy(variant));
  maker.className = 'path';
  maker.dataset.path = variant.is_source ? 'publisher' : variant.path ?? '';
  put(latency, variant.is_source ? '–' : seconds(variant.latency_ms));
}

function madeBy(variant) {
  if (variant.is_source) return 'publisher';
  if (!variant.path) return '–';
  const mixed = ['network', 'local', 'source'].filter((path) => variant[path] > 0).length > 1;
  if (!mixed) return MAKERS[variant.path];
  const share = Math.floor((100 * variant.network) / variant.segments);
  return `${MAKERS[variant.path]} (network ${share} %)`;
}

async function copy() {
  const button = at('copy');
  try {
    await navigator.clipboard.writeText(at('playlist').textContent);
    put(button, 'Copied');
  } catch {
    getSelection().selectAllChildren(at('playlist'));
    put(button, 'Selected');
  }
  setTimeout(() => put(button, 'Copy'), 2000);
}

function press(event, player, video, quality) {
  const typing = /^(SELECT|INPUT|TEXTAREA|BUTTON|SUMMARY|A)$/.test(event.target.tagName);
  if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
  const actions = {
    l: () => player.goLive(),
    m: () => { video.muted = !video.muted; },
    f: () => (document.fullscreenElement ? document.exitFullscreen() : at('stage').requestFullscreen?.()),
    '+': () => step(quality, -1),
    '-': () => step(quality, 1),
  };
  // The video element itself knows the space bar when it has the focus.
  if (event.target !== video) actions[' '] = () => (video.paused ? video.play() : video.pause());
  const action = actions[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
}

function step(quality, by) {
  const index = Math.min(Math.max(quality.selectedIndex + by, 0), quality.options.length - 1);
  quality.selectedIndex = index;
  quality.dispatchEvent(new Event('change'));
}

const watched = location.pathname.match(/^\/play\/([^/]+)\/?$/);
if (watched) showStream(watched[1]);
else showList();
