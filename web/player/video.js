// A video element that keeps playing one live playlist: whatever breaks is taken up again.

/** First and longest wait before the playlist is loaded anew. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
/** A picture that stands still for so long, although it should move, is a failure. */
const STILL_MS = 10000;
/** How often the picture is looked at. */
const LOOK_MS = 1000;

/**
 * Events: `levels` when the list of qualities changed, `level` when another is shown, `notice` with
 * `{ text, busy, retry }` or null when all is well.
 */
export class LiveVideo extends EventTarget {
  constructor(video, url) {
    super();
    this.video = video;
    this.url = url;
    this.levels = [];
    this.wanted = 'auto';
    this.recovered = 0;
    this.wait = FIRST_WAIT_MS;
    this.movedAt = Date.now();
    this.lastTime = -1;
    this.mediaFailures = 0;
    this.grownTo = '';
    video.addEventListener('playing', () => this.well());
    setInterval(() => this.look(), LOOK_MS);
    this.load();
  }

  /** Starts from nothing. */
  load() {
    clearTimeout(this.timer);
    this.timer = null;
    this.movedAt = Date.now();
    this.drop();
    if (window.Hls?.isSupported()) this.loadWithHls();
    else if (this.video.canPlayType('application/vnd.apple.mpegurl')) this.loadNatively();
    else this.say('This browser plays neither HLS nor Media Source Extensions.', { busy: false });
  }

  loadWithHls() {
    const { Events, ErrorTypes } = window.Hls;
    const hls = new window.Hls({ backBufferLength: 30, liveSyncDurationCount: 3, maxLiveSyncPlaybackRate: 1.05, xhrSetup: freshPlaylists });
    this.hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => {
      this.takeLevels();
      this.video.play().catch(() => this.say('Press play to start.', { busy: false }));
    });
    hls.on(Events.LEVELS_UPDATED, () => this.takeLevels());
    hls.on(Events.LEVEL_SWITCHED, () => this.dispatchEvent(new Event('level')));
    hls.on(Events.ERROR, (_, error) => {
      if (!error.fatal) return;
      if (error.type === ErrorTypes.MEDIA_ERROR && this.mediaFailures < 2) {
        this.mediaFailures += 1;
        this.recovered += 1;
        hls.recoverMediaError();
        return;
      }
      const missing = error.response?.code === 404;
      this.fail(missing ? 'Waiting for the stream…' : 'The picture is lost, trying again…');
    });
    hls.loadSource(this.url);
    hls.attachMedia(this.video);
  }

  loadNatively() {
    this.video.src = this.url;
    this.video.onerror = () => this.fail('The picture is lost, trying again…');
    this.video.play().catch(() => this.say('Press play to start.', { busy: false }));
  }

  drop() {
    this.hls?.destroy();
    this.hls = null;
    this.video.onerror = null;
    this.video.removeAttribute('src');
  }

  /** Loads anew after a while, longer each time. */
  fail(text) {
    if (this.timer) return;
    this.say(text, { busy: true, retry: true });
    this.timer = setTimeout(() => {
      this.recovered += 1;
      this.load();
    }, this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  /** The stream is known to be there (again): no reason to wait. */
  hurry() {
    this.wait = FIRST_WAIT_MS;
    if (this.timer) this.load();
  }

  well() {
    this.movedAt = Date.now();
    this.say(null);
  }

  look() {
    const { video } = this;
    if (video.currentTime !== this.lastTime) {
      this.lastTime = video.currentTime;
      this.movedAt = Date.now();
      if (!video.paused && video.readyState >= 3) {
        this.wait = FIRST_WAIT_MS;
        this.mediaFailures = 0;
        this.say(null);
      }
      return;
    }
    const still = Date.now() - this.movedAt;
    if (video.paused || this.timer || document.hidden) this.movedAt = Date.now();
    else if (still > STILL_MS) this.fail('The picture stands still, starting again…');
    else if (still > 2 * LOOK_MS) this.say('Waiting for video…', { busy: true });
  }

  say(text, options = {}) {
    const detail = text ? { text, busy: true, retry: false, ...options } : null;
    if (detail?.text === this.said) return;
    this.said = detail?.text;
    this.dispatchEvent(new CustomEvent('notice', { detail }));
  }

  takeLevels() {
    this.levels = this.hls.levels.map((level, index) => ({
      index,
      name: nameOf(level.url?.[0] ?? level.uri),
      width: level.width,
      height: level.height,
      bitrate: level.bitrate,
    }));
    this.apply();
    this.dispatchEvent(new Event('levels'));
  }

  /**
   * The variants there are by now. A playlist of variants is read once: when one has come since, it is
   * read anew, once for each new set.
   */
  offered(names) {
    if (!this.hls || this.levels.length === 0 || this.timer) return;
    const missing = names.filter((name) => !this.levels.some((level) => level.name === name));
    const set = names.join();
    if (missing.length === 0 || set === this.grownTo) return;
    this.grownTo = set;
    this.load();
  }

  /** `auto`, or the name of a variant. */
  choose(name) {
    this.wanted = name;
    this.apply();
  }

  apply() {
    if (!this.hls) return;
    const level = this.levels.find((one) => one.name === this.wanted);
    const index = level?.index ?? -1;
    if (index !== this.hls.manualLevel) this.hls.nextLevel = index;
  }

  /** The name of the variant on the screen. */
  get playing() {
    return this.levels[this.hls?.currentLevel]?.name ?? null;
  }

  get edge() {
    const { seekable } = this.video;
    return this.hls?.liveSyncPosition ?? (seekable.length ? seekable.end(seekable.length - 1) : null);
  }

  /** Seconds behind the newest segment, where known. */
  get behind() {
    const latency = this.hls?.latency;
    return this.video.readyState > 0 && latency > 0 ? latency : null;
  }

  get buffered() {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) <= currentTime + 0.1 && currentTime < buffered.end(i)) return buffered.end(i) - currentTime;
    }
    return 0;
  }

  goLive() {
    if (this.edge != null) this.video.currentTime = this.edge;
    this.video.play().catch(() => {});
  }
}

/** Caches may keep what the gateway serves for a while. A playlist of something live is asked for anew. */
function freshPlaylists(request, url) {
  request.open('GET', url, true);
  if (new URL(url, location.href).pathname.endsWith('.m3u8')) request.setRequestHeader('Cache-Control', 'no-cache');
}

/** `480p` of `…/stream/demo/480p.m3u8`. */
function nameOf(url) {
  const file = new URL(url, location.href).pathname.split('/').pop();
  return decodeURIComponent(file.replace(/\.m3u8$/, ''));
}
