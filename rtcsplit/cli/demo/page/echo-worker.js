// Times the echo: the transceiver returns the Opus payloads that it gets, so a frame that arrives is matched to the
// frame that left by its octets. Runs where encoded frames pass by (WebRTC Encoded Transform), for both directions,
// so that one clock reads both times. A payload that is out twice (silence) names no single frame and is not timed.

const OLDEST_MS = 5000;
const out = new Map(); // payload key -> {time, count}

function keyOf(data) {
  const octets = new Uint8Array(data);
  let hash = 0x811c9dc5; // FNV-1a
  for (const octet of octets) hash = Math.imul(hash ^ octet, 0x01000193);
  return `${octets.length}:${hash >>> 0}`;
}

function noteSent(key, now) {
  const count = (out.get(key)?.count ?? 0) + 1;
  out.delete(key); // re-inserted last: the map stays ordered by time
  out.set(key, { time: now, count });
  for (const [oldest, { time }] of out) {
    if (now - time < OLDEST_MS) break;
    out.delete(oldest);
  }
}

function noteReturned(key, now) {
  const entry = out.get(key);
  if (entry === undefined) return;
  out.delete(key);
  if (entry.count === 1) postMessage(now - entry.time);
}

self.onrtctransform = ({ transformer }) => {
  const note = transformer.options.side === "sent" ? noteSent : noteReturned;
  const tap = new TransformStream({
    transform(frame, controller) {
      const now = performance.now();
      controller.enqueue(frame);
      note(keyOf(frame.data), now);
    },
  });
  transformer.readable.pipeThrough(tap).pipeTo(transformer.writable);
};
