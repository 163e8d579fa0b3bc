// What the gateway says of its streams: asked again and again, with a word on how old the answer is.

/** Time between two questions. */
const INTERVAL_MS = 2000;
/** A question without an answer is given up after this. */
const PATIENCE_MS = 5000;

/**
 * Asks `url` for JSON until the page is left. `heard` gets each answer, or null where there is no
 * such thing; `silent` gets the age of the last answer in seconds while none comes.
 */
export function follow(url, heard, silent) {
  let last = Date.now();
  const ask = async () => {
    try {
      const answer = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status !== 404 && !answer.ok) throw new Error(`status ${answer.status}`);
      const value = answer.status === 404 ? null : await answer.json();
      last = Date.now();
      silent(0);
      heard(value);
    } catch {
      silent(Math.max(1, Math.round((Date.now() - last) / 1000)));
    }
    setTimeout(ask, INTERVAL_MS);
  };
  ask();
}

/** `live`, `stalled` when nothing came for a while, or `ended`. */
export function stateOf(stream, nowMs) {
  if (!stream.live) return 'ended';
  const silentMs = nowMs - stream.changed_unix_ms;
  return silentMs > (3 * stream.target_duration_s + 2) * 1000 ? 'stalled' : 'live';
}

export const STATE_TEXT = { live: 'Live', stalled: 'No signal', ended: 'Ended', away: 'Off air' };

export function size(variant) {
  return variant.width && variant.height ? `${variant.width}×${variant.height}` : 'unknown size';
}

export function rate(bitsPerSecond) {
  if (!bitsPerSecond) return '–';
  return bitsPerSecond >= 1e6 ? `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

export function seconds(milliseconds) {
  return milliseconds == null ? '–' : `${(milliseconds / 1000).toFixed(2)} s`;
}

export function since(milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  if (minutes < 1) return 'for less than a minute';
  if (minutes < 60) return `for ${minutes} min`;
  return `for ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
