// Who the call goes through: the selected candidates as the browser reports them, and the relay's own counters.

const RELAY_EVERY_MS = 1000;

export class PathView {
  #root;
  #fetchedAt = -Infinity;

  constructor(root) {
    this.#root = root;
  }

  /** Show a reading of the call; `mode` is who answers, "echo" or "assistant". */
  async update(reading, mode) {
    const { local, remote } = reading;
    this.#set("browser-address", address(local) ?? "hidden by the browser");
    this.#set("browser-fine", `${local.candidateType ?? "unknown"} candidate, ${reading.sent} sent, ${reading.received} back`);
    this.#set("relay-address", address(remote) ?? "unknown");
    this.#facts(reading);
    if (performance.now() - this.#fetchedAt < RELAY_EVERY_MS) return;
    this.#fetchedAt = performance.now();
    await this.#relay(address(remote), mode);
  }

  clear() {
    for (const place of ["browser", "relay", "transceiver"]) {
      this.#set(`${place}-address`, "not in a call");
      this.#set(`${place}-fine`, "");
    }
    this.#fetchedAt = -Infinity;
    this.#root.getElementById("path").classList.remove("is-relayed");
  }

  async #relay(selected, mode) {
    let relay;
    try {
      const reply = await fetch("relay");
      if (!reply.ok) return;
      relay = await reply.json();
    } catch {
      return; // the call does not depend on it
    }
    const drops = Object.entries(relay.drops).map(([reason, count]) => `${reason} ${count}`);
    this.#root.getElementById("path").classList.toggle("is-relayed", selected === relay.relay);
    this.#set(
      "relay-fine",
      `confirmed flows: ${relay.flows.confirmed ?? 0}; datagrams: ${relay.datagrams["public rx"] ?? 0} up, ` +
        `${relay.datagrams["public tx"] ?? 0} down; dropped: ${drops.join(", ") || "none"}`,
    );
    const [where, does] = {
      echo: [relay.transceiver, "echoes the packets"],
      assistant: [relay.gateway, "brings audio and events to the assistant by WebSocket"],
    }[mode];
    this.#set("transceiver-address", where);
    this.#set("transceiver-fine", `internal address, not in the answer; ends ICE, DTLS and SRTP, ${does}`);
  }

  #facts({ transport, codec, local, remote, checkRoundTrip }) {
    const facts = {
      "Remote candidate": `${address(remote) ?? "unknown"} ${remote.protocol ?? ""} ${remote.candidateType ?? ""}`,
      "Local candidate": `${address(local) ?? "hidden"} ${local.protocol ?? ""} ${local.candidateType ?? ""}`,
      "STUN round trip": checkRoundTrip === null ? null : `${(checkRoundTrip * 1000).toFixed(1)} ms`,
      Codec: codec.mimeType ? `${codec.mimeType}, ${codec.clockRate} Hz, ${codec.sdpFmtpLine ?? ""}` : null,
      SRTP: transport.srtpCipher,
      DTLS: transport.dtlsCipher ? `${version(transport.tlsVersion)}, ${transport.dtlsCipher}` : transport.dtlsState,
      "DTLS role of the browser": transport.dtlsRole,
      "ICE role of the browser": transport.iceRole,
    };
    const rows = Object.entries(facts).filter(([, value]) => value);
    const items = rows.flatMap(([name, value]) => [term("dt", name), term("dd", value)]);
    this.#root.getElementById("facts").replaceChildren(...items);
  }

  #set(id, text) {
    const element = this.#root.getElementById(id);
    if (element.textContent !== text) element.textContent = text;
  }
}

function term(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function address({ address: host, port }) {
  if (!host) return null;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** DTLS versions as on the wire: FEFD is 1.2, FEFC is 1.3. */
function version(hex) {
  return { FEFD: "1.2", FEFC: "1.3" }[hex] ?? hex ?? "";
}
