// The page: one button, what it says and hears, and what the call does.

import { Call, CallError } from "./call.js";
import { Conversation } from "./conversation.js";
import { PathView } from "./path.js";
import { Plot } from "./plot.js";
import { SetupView } from "./setup.js";
import { Voice } from "./sound.js";
import { startTheme } from "./theme.js";

const LEVEL_MS = 100;
const STATS_MS = 500;
const DRAW_MS = 50; // a minute is about 600 px wide: half a pixel each time
const DESCRIBE_MS = 5000;

const STATES = {
  idle: ["Ready to call", "Call"],
  preparing: ["Preparing the sound", "Cancel"],
  offering: ["Sending the offer", "Cancel"],
  connecting: ["Connecting", "Cancel"],
  connected: ["Connected", "Hang up"],
  interrupted: ["Interrupted, waiting for the network", "Hang up"],
  ended: ["The call has ended", "Call again"],
  failed: ["The call failed", "Call again"],
};

const $ = (id) => document.getElementById(id);
const plots = {
  roundTrip: new Plot($("round-trip"), { series: ["echo", "RTCP", "STUN"], unit: "ms", high: 10 }),
  level: new Plot($("level"), { series: ["said", "heard"], unit: "dBov", low: -80, high: 0, grows: false, digits: 0 }),
  jitter: new Plot($("jitter"), { series: ["down", "up"], unit: "ms", high: 10 }),
  loss: new Plot($("loss"), { series: ["down", "up"], unit: "%", high: 2 }),
};
const path = new PathView(document);
const setup = new SetupView($("setup"));
const conversation = new Conversation($("turns"), $("events"), $("interrupt"));
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

let call = null;
let voice = null;
let connectedAt = null;
let echoes = []; // round trips of single packets since the last sample
let timers = [];

function show(state, detail = "") {
  const [text, action] = STATES[state];
  document.body.dataset.state = state;
  $("state-text").textContent = text;
  $("call-label").textContent = action;
  log(detail ? `${text}: ${detail}` : text);
  if (detail) notify(detail);
}

function notify(text) {
  $("notice").textContent = text;
  $("notice").hidden = text === "";
}

function log(text) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toTimeString().slice(0, 8);
  item.append(time, ` ${text}`);
  $("log").append(item);
}

const source = () => document.querySelector("input[name=source]:checked").value;
const mode = () => document.querySelector("input[name=mode]:checked").value;

const MODES = {
  echo: { title: "Hear yourself through the relay", place: "Transceiver", endpoint: "whip" },
  assistant: { title: "Talk to an assistant through the relay", place: "Gateway", endpoint: "v1/realtime/calls" },
};

/** Who answers was chosen; it holds from the next call. */
function chooseMode() {
  document.body.dataset.mode = mode();
  $("title").textContent = MODES[mode()].title;
  $("transceiver-title").textContent = MODES[mode()].place;
}

/** Speak from the chosen source; without a microphone, say the sample sentence instead. */
async function speak() {
  try {
    await voice.use(source());
    log(`Saying: ${source()}`);
  } catch (error) {
    if (source() !== "microphone") throw error;
    document.querySelector("input[value=sentence]").checked = true;
    await voice.use("sentence");
    notify(`No microphone (${error.message}). Saying the sample sentence instead.`);
    log(`No microphone: ${error.message}`);
  }
}

async function start() {
  notify("");
  $("log").replaceChildren();
  setup.clear();
  path.clear();
  Object.values(plots).forEach((plot) => plot.clear());
  conversation.clear();
  setModeEnabled(false);
  show("preparing");
  const mine = (voice = new Voice());
  await speak();
  if (voice !== mine) return; // cancelled meanwhile
  const hasEvents = mode() === "assistant";
  call = new Call(new URL(MODES[mode()].endpoint, document.baseURI), voice.track, { hasEvents });
  if (hasEvents) conversation.follow(call);
  call.addEventListener("state", ({ detail }) => changed(detail));
  call.addEventListener("phase", ({ detail }) => reached(detail));
  call.addEventListener("roundtrip", ({ detail }) => echoes.push(detail.ms));
  await call.start();
}

function changed({ state, detail }) {
  show(state, detail);
  if (state === "connected" && connectedAt === null) connected();
  if (state === "ended" || state === "failed") finished();
}

function reached({ name, ms }) {
  setup.reach(name, ms);
  log(`${setup.nameOf(name)} after ${ms.toFixed(1)} ms`);
  if (name === "audio") voice?.listen(call.remote);
}

function connected() {
  connectedAt = performance.now();
  $("echo").srcObject = call.remote;
  timers = [
    setInterval(sampleLevel, LEVEL_MS),
    setInterval(sampleStats, STATS_MS),
    setInterval(draw, isCalm.matches ? 1000 : DRAW_MS),
    setInterval(() => Object.values(plots).forEach((plot) => plot.describe()), DESCRIBE_MS),
  ];
}

function finished() {
  timers.forEach(clearInterval);
  timers = [];
  connectedAt = null;
  echoes = [];
  $("echo").srcObject = null;
  conversation.end();
  setModeEnabled(true);
  voice?.close();
  voice = call = null;
  document.body.style.removeProperty("--said");
  document.body.style.removeProperty("--heard");
}

function setModeEnabled(isEnabled) {
  document.querySelectorAll("input[name=mode]").forEach((input) => (input.disabled = !isEnabled));
}

function sampleLevel() {
  const said = voice.said.read();
  const heard = voice.heard?.read() ?? null;
  plots.level.add(performance.now(), [said, heard]);
  document.body.style.setProperty("--said", loudness(said));
  document.body.style.setProperty("--heard", loudness(heard ?? -90));
}

async function sampleStats() {
  const reading = await call.read();
  if (call === null) return;
  const now = performance.now();
  plots.roundTrip.add(now, [median(echoes), scaled(reading.rtcpRoundTrip, 1000), scaled(reading.checkRoundTrip, 1000)]);
  plots.jitter.add(now, [scaled(reading.jitterDown, 1000), scaled(reading.jitterUp, 1000)]);
  plots.loss.add(now, [scaled(reading.lossDown, 100), scaled(reading.lossUp, 100)]);
  echoes = [];
  await path.update(reading, mode());
}

function draw() {
  const now = performance.now();
  Object.values(plots).forEach((plot) => plot.draw(now));
  conversation.draw(now);
  const seconds = Math.floor((now - connectedAt) / 1000);
  $("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const loudness = (dbov) => Math.min(1, Math.max(0, 1 + dbov / 60)).toFixed(3);
const scaled = (value, factor) => (value === null ? null : value * factor);
const median = (values) => (values.length ? values.sort((a, b) => a - b)[values.length >> 1] : null);

async function press() {
  if (call !== null) return call.hangUp().catch((error) => log(`Hang-up: ${error.message}`));
  if (voice !== null) return cancel();
  try {
    await start();
  } catch (error) {
    const detail = error instanceof CallError ? error.message : `${error.name}: ${error.message}`;
    const failed = call;
    call = null;
    if (failed !== null) await failed.hangUp().catch(() => {});
    finished();
    show("failed", detail);
  }
}

function cancel() {
  finished();
  show("idle");
}

$("call").addEventListener("click", press);
$("volume").addEventListener("input", ({ target }) => ($("echo").volume = target.value / 100));
$("echo").volume = $("volume").value / 100;
document.querySelectorAll("input[name=source]").forEach((input) => {
  input.addEventListener("change", () => voice && speak().catch((error) => notify(error.message)));
});
document.querySelectorAll("input[name=mode]").forEach((input) => input.addEventListener("change", chooseMode));
addEventListener("pagehide", () => call?.hangUp().catch(() => {}));
startTheme($("theme"));
chooseMode();
show("idle");
