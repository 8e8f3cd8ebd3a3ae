// The conversation with an assistant: what its events say, turn by turn, and how much of each answer was heard.

const MAX_EVENTS = 200;

/** One answer: words light up as they are heard; what is cut off is struck through. */
class Answer {
  #text;
  #bar;
  #figure;
  #startedAt = null;
  #heard = 0; // ms

  constructor(list, audioMs) {
    this.audioMs = audioMs;
    this.isOver = false;
    this.item = turn(list, "assistant");
    this.#text = document.createElement("p");
    this.#bar = document.createElement("progress");
    this.#bar.max = audioMs;
    this.#bar.value = 0;
    this.#bar.setAttribute("aria-label", "Heard so far");
    this.#figure = document.createElement("p");
    this.#figure.className = "fine";
    this.item.append(this.#text, this.#bar, this.#figure);
    this.#tell("not heard yet");
  }

  add(words) {
    for (const word of words.split(" ").filter(Boolean)) {
      const span = document.createElement("span");
      span.textContent = `${word} `;
      this.#text.append(span);
    }
  }

  start(now) {
    this.#startedAt ??= now;
  }

  draw(now) {
    if (this.isOver || this.#startedAt === null) return;
    this.#show(Math.min(now - this.#startedAt, this.audioMs));
    this.#tell(`heard ${seconds(this.#heard)} of ${seconds(this.audioMs)}`);
  }

  finish() {
    this.#show(this.audioMs);
    this.#end(`heard to its end, ${seconds(this.audioMs)}`);
  }

  /** Cut off; the exact place follows with what the model is told. */
  cut() {
    this.item.classList.add("is-cut");
    this.#end(`cut off after ${seconds(this.#heard)}`);
  }

  truncate(ms) {
    this.item.classList.add("is-cut");
    this.#show(ms);
    this.#end(`cut off: ${seconds(ms)} of ${seconds(this.audioMs)} heard, as the model is told`);
  }

  #end(text) {
    this.isOver = true;
    this.#tell(text);
  }

  #tell(text) {
    this.#figure.textContent = text;
  }

  #show(ms) {
    this.#heard = ms;
    this.#bar.value = ms;
    const words = [...this.#text.children];
    const count = Math.round((words.length * ms) / this.audioMs);
    words.forEach((word, index) => word.classList.toggle("heard", index < count));
  }
}

export class Conversation {
  #turns;
  #events;
  #button;
  #hint;
  #call = null;
  #answers = new Map(); // by response and by item
  #current = null;
  #speaking = null;

  constructor(turns, events, button) {
    this.#turns = turns;
    this.#events = events;
    this.#button = button;
    this.#hint = turns.firstElementChild;
    button.addEventListener("click", () => this.#interrupt());
  }

  /** Show what a call's events say, and have the assistant begin. */
  follow(call) {
    this.#call = call;
    call.addEventListener("open", () => {
      this.#send({ type: "session.update", session: { type: "realtime", instructions: "Say what you always say." } });
      this.#send({ type: "response.create" });
    });
    call.addEventListener("event", ({ detail }) => this.#take(detail));
  }

  draw(now) {
    this.#current?.draw(now);
  }

  clear() {
    this.#answers.clear();
    this.#current = this.#speaking = null;
    this.#turns.replaceChildren(this.#hint);
    this.#events.replaceChildren();
  }

  end() {
    this.#call = null;
    if (this.#current && !this.#current.isOver) this.#current.cut();
    this.#button.disabled = true;
  }

  #interrupt() {
    this.#send({ type: "response.cancel" });
    this.#send({ type: "output_audio_buffer.clear" });
  }

  #send(event) {
    if (this.#call?.send(event)) this.#list("to", event.type);
  }

  #take(event) {
    this.#list("from", event.type);
    const answer = this.#answers.get(event.response_id) ?? this.#answers.get(event.item_id);
    switch (event.type) {
      case "response.created":
        this.#hint.remove();
        this.#current = new Answer(this.#turns, Number(event.response.metadata?.audio_ms ?? 10_000));
        this.#answers.set(event.response.id, this.#current);
        break;
      case "response.output_audio_transcript.delta":
        this.#answers.set(event.item_id, answer);
        answer?.add(event.delta);
        break;
      case "output_audio_buffer.started":
        answer?.start(performance.now());
        this.#button.disabled = false;
        break;
      case "output_audio_buffer.stopped":
        answer?.finish();
        this.#button.disabled = true;
        break;
      case "output_audio_buffer.cleared":
        answer?.cut();
        this.#button.disabled = true;
        break;
      case "conversation.item.truncated":
        answer?.truncate(event.audio_end_ms);
        break;
      case "input_audio_buffer.speech_started":
        this.#hint.remove();
        this.#speaking = turn(this.#turns, "caller", "speaking …");
        break;
      case "conversation.item.input_audio_transcription.completed":
        if (this.#speaking) this.#speaking.lastElementChild.textContent = event.transcript;
        this.#speaking = null;
        break;
      case "error":
        turn(this.#turns, "trouble", event.error.message);
    }
    this.#turns.scrollTop = this.#turns.scrollHeight;
  }

  /** Add to the list of events; the same one again is counted. */
  #list(direction, type) {
    const last = this.#events.lastElementChild;
    if (last?.dataset.event === `${direction} ${type}`) {
      last.dataset.count = Number(last.dataset.count ?? 1) + 1;
      return;
    }
    const item = document.createElement("li");
    item.className = direction;
    const time = document.createElement("time");
    time.textContent = new Date().toISOString().slice(17, 23);
    item.dataset.event = `${direction} ${type}`;
    item.append(time, type);
    const isAtEnd = this.#events.scrollHeight - this.#events.scrollTop - this.#events.clientHeight < 40;
    this.#events.append(item);
    while (this.#events.children.length > MAX_EVENTS) this.#events.firstElementChild.remove();
    if (isAtEnd) this.#events.scrollTop = this.#events.scrollHeight;
  }
}

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

function turn(list, who, text = null) {
  const item = document.createElement("li");
  item.className = who;
  const name = document.createElement("h3");
  name.textContent = { assistant: "Assistant", caller: "You", trouble: "Trouble" }[who];
  item.append(name);
  if (text !== null) item.append(Object.assign(document.createElement("p"), { textContent: text }));
  list.append(item);
  return item;
}
