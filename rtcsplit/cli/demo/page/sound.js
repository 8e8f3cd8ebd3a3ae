// What is said and what is heard: one outgoing track whose source can change during a call, and level meters.

const SILENCE_DBOV = -90;
const SMOOTHING = 0.5; // share of the new reading: words stay words, gaps between syllables close
const PAUSE_SECONDS = 1.5; // between repetitions of the sample sentence
const TONE_HERTZ = 440;

/** Level of what passes through an audio node, in dB below overload. */
class Meter {
  constructor(context, node) {
    this.analyser = new AnalyserNode(context, { fftSize: 2048 });
    this.samples = new Float32Array(this.analyser.fftSize);
    this.power = 0;
    node.connect(this.analyser);
  }

  read() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    this.power += SMOOTHING * (power - this.power);
    return Math.max(SILENCE_DBOV, 10 * Math.log10(this.power || Number.MIN_VALUE));
  }
}

/** The speaking side. Create it in answer to a click, so that the browser lets it sound. */
export class Voice {
  #context = new AudioContext();
  #output;
  #bus;
  #stopSource = () => {};

  constructor() {
    this.#output = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 1 });
    this.#bus = new GainNode(this.#context);
    this.#bus.connect(this.#output);
    this.said = new Meter(this.#context, this.#bus);
    this.heard = null;
  }

  get track() {
    return this.#output.stream.getAudioTracks()[0];
  }

  /** Speak from "microphone", "sentence", "tone" or "nothing". Rejects as getUserMedia does; then the former source goes on. */
  async use(source) {
    await this.#context.resume();
    const start = {
      microphone: () => this.#microphone(),
      sentence: () => this.#sentence(),
      tone: () => this.#tone(),
      nothing: () => () => {},
    };
    const stop = await start[source]();
    this.#stopSource();
    this.#stopSource = stop;
  }

  /** Meter what comes back. */
  listen(stream) {
    this.heard = new Meter(this.#context, new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream }));
  }

  async close() {
    this.#stopSource();
    this.track.stop();
    await this.#context.close();
  }

  async #microphone() {
    if (!navigator.mediaDevices) throw new DOMException("microphones need https or localhost", "SecurityError");
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const node = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    node.connect(this.#bus);
    return () => {
      node.disconnect();
      stream.getTracks().forEach((track) => track.stop());
    };
  }

  async #sentence() {
    const reply = await fetch("audio/speech.wav");
    const speech = await this.#context.decodeAudioData(await reply.arrayBuffer());
    const seconds = speech.duration + PAUSE_SECONDS;
    const padded = new AudioBuffer({ length: Math.ceil(seconds * speech.sampleRate), sampleRate: speech.sampleRate });
    padded.copyToChannel(speech.getChannelData(0), 0);
    return this.#play(new AudioBufferSourceNode(this.#context, { buffer: padded, loop: true }), 1);
  }

  async #tone() {
    return this.#play(new OscillatorNode(this.#context, { frequency: TONE_HERTZ }), 0.1);
  }

  #play(node, gain) {
    const volume = new GainNode(this.#context, { gain });
    node.connect(volume).connect(this.#bus);
    node.start();
    return () => {
      node.stop();
      volume.disconnect();
    };
  }
}
