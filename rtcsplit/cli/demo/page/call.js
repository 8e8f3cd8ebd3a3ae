// One call: offer, answer, hang up, and what the browser reports about it. By WHIP (RFC 9725) it is audio alone; by the
// Realtime API there is a channel of events beside it.

const HANG_UP_MS = 2000; // a server that does not answer is left

export class CallError extends Error {}

/**
 * Events, all CustomEvents: "phase" {name, ms} since the offer was sent, name one of
 * "http", "check", "dtls", "audio"; "state" {state, detail} with state one of
 * "offering", "connecting", "connected", "interrupted", "ended", "failed"; "roundtrip" {ms} of one echoed packet;
 * "event" of the channel, and "open" once it carries some.
 */
export class Call extends EventTarget {
  #endpoint;
  #connection;
  #session = null;
  #startedAt = 0;
  #phases = new Map();
  #before = null;
  #isOver = false;

  /** @param hasEvents whether the endpoint is that of the Realtime API */
  constructor(endpoint, track, { hasEvents = false } = {}) {
    super();
    this.#endpoint = endpoint;
    this.#connection = new RTCPeerConnection();
    this.remote = new MediaStream();
    this.sender = this.#connection.addTrack(track, new MediaStream([track]));
    this.#connection.addEventListener("track", (event) => this.#heard(event));
    this.#connection.addEventListener("connectionstatechange", () => this.#changed());
    if (hasEvents) this.#openChannel();
    else this.#timeEcho();
  }

  /** Send an event; false where the channel is not open. */
  send(event) {
    if (this.channel?.readyState !== "open") return false;
    this.channel.send(JSON.stringify(event));
    return true;
  }

  /** Make the call; resolves when the answer is applied. Rejects with a CallError that says what went wrong. */
  async start() {
    this.#tell("state", { state: "offering" });
    await this.#connection.setLocalDescription();
    this.#watchTransport();
    this.#startedAt = performance.now();
    // The offer leaves before candidates are gathered: the other side answers checks from wherever they come.
    const answer = await this.#post(this.#connection.localDescription.sdp);
    if (this.#isOver) return this.#delete();
    this.#reach("http");
    this.#tell("state", { state: "connecting" });
    await this.#connection.setRemoteDescription({ type: "answer", sdp: answer });
  }

  /**
   * End the call on both sides. The server first: what closing the connection sends would end the session there
   * before the request that asks for it. The request outlives the page.
   */
  async hangUp() {
    if (this.#isOver) return;
    this.#isOver = true;
    const deleted = this.#delete();
    this.#tell("state", { state: "ended", detail: "" });
    try {
      await deleted;
    } finally {
      this.#close();
    }
  }

  /** What the browser knows now, flattened; figures that it does not have are null. Rates cover the time since the last read. */
  async read() {
    const stats = [...(await this.#connection.getStats()).values()];
    const find = (type, test = () => true) => stats.find((entry) => entry.type === type && test(entry)) ?? {};
    const byId = (id) => stats.find((entry) => entry.id === id) ?? {};
    const transport = find("transport");
    const pair = transport.selectedCandidatePairId
      ? byId(transport.selectedCandidatePairId)
      : find("candidate-pair", (entry) => entry.nominated && entry.state === "succeeded");
    const inbound = find("inbound-rtp");
    const outbound = find("outbound-rtp");
    const far = find("remote-inbound-rtp");
    const reading = {
      checkRoundTrip: pair.currentRoundTripTime ?? null,
      rtcpRoundTrip: far.roundTripTime ?? null,
      jitterDown: inbound.jitter ?? null,
      jitterUp: far.jitter ?? null,
      lossUp: far.fractionLost ?? null,
      received: inbound.packetsReceived ?? 0,
      lost: inbound.packetsLost ?? 0,
      sent: outbound.packetsSent ?? 0,
      local: byId(pair.localCandidateId),
      remote: byId(pair.remoteCandidateId),
      codec: byId(outbound.codecId),
      transport,
    };
    reading.lossDown = this.#lossSince(reading);
    return reading;
  }

  #lossSince(reading) {
    const before = this.#before ?? { received: 0, lost: 0 };
    this.#before = { received: reading.received, lost: reading.lost };
    const lost = Math.max(0, reading.lost - before.lost);
    const expected = reading.received - before.received + lost;
    return expected > 0 ? lost / expected : null;
  }

  async #post(offer) {
    let reply;
    try {
      const headers = { "Content-Type": "application/sdp" };
      reply = await fetch(this.#endpoint, { method: "POST", headers, body: offer });
    } catch {
      throw new CallError("The server cannot be reached.");
    }
    const text = await reply.text();
    if (reply.status !== 201) throw new CallError(`The server refused the call (HTTP ${reply.status}). ${reason(text)}`);
    this.#session = new URL(reply.headers.get("Location"), reply.url || location.href).href;
    return text;
  }

  async #delete() {
    const session = this.#session;
    this.#session = null;
    const signal = AbortSignal.timeout(HANG_UP_MS);
    if (session === null) return;
    if (this.channel) await fetch(`${session}/hangup`, { method: "POST", keepalive: true, signal });
    else await fetch(session, { method: "DELETE", keepalive: true, signal });
  }

  #openChannel() {
    this.channel = this.#connection.createDataChannel("oai-events");
    this.channel.addEventListener("open", () => this.#tell("open"));
    this.channel.addEventListener("message", ({ data }) => this.#tell("event", JSON.parse(data)));
  }

  #watchTransport() {
    const dtls = this.sender.transport;
    if (!dtls) return;
    dtls.iceTransport.addEventListener("statechange", () => {
      if (["connected", "completed"].includes(dtls.iceTransport.state)) this.#reach("check");
    });
    dtls.addEventListener("statechange", () => dtls.state === "connected" && this.#reach("dtls"));
  }

  #heard({ track }) {
    this.remote.addTrack(track);
    track.addEventListener("unmute", () => this.#reach("audio"), { once: true });
  }

  #timeEcho() {
    if (!("RTCRtpScriptTransform" in globalThis)) return;
    this.worker = new Worker(new URL("echo-worker.js", import.meta.url));
    this.worker.addEventListener("message", ({ data }) => this.#tell("roundtrip", { ms: data }));
    const { sender, receiver } = this.#connection.getTransceivers()[0];
    sender.transform = new RTCRtpScriptTransform(this.worker, { side: "sent" });
    receiver.transform = new RTCRtpScriptTransform(this.worker, { side: "returned" });
  }

  #changed() {
    const state = this.#connection.connectionState;
    if (state === "connected") this.#tell("state", { state: "connected" });
    if (state === "disconnected") this.#tell("state", { state: "interrupted" });
    if (state === "failed") this.#end("failed", "Nothing comes back any more.");
    if (state === "closed") this.#end("ended");
  }

  #end(state, detail = "") {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#delete().catch(() => {});
    this.#close();
    this.#tell("state", { state, detail });
  }

  #close() {
    this.#connection.close();
    this.worker?.terminate();
  }

  #reach(name) {
    if (this.#phases.has(name) || this.#isOver) return;
    this.#phases.set(name, performance.now() - this.#startedAt);
    this.#tell("phase", { name, ms: this.#phases.get(name) });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The sentence in an error body: RFC 9457 problem details, the Realtime API's error, or plain text. */
function reason(text) {
  try {
    const problem = JSON.parse(text);
    return problem.error?.message ?? problem.detail ?? problem.title ?? "";
  } catch {
    return text.slice(0, 200);
  }
}
