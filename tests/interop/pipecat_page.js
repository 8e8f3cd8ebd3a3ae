// pipecat's own client: an oscillator as its microphone, and what the bot says.
import {PipecatClient} from "@pipecat-ai/client-js";
import {SmallWebRTCTransport, WavMediaManager} from "@pipecat-ai/small-webrtc-transport";

navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext({sampleRate: 48000});
    const output = new MediaStreamAudioDestinationNode(context);
    const oscillator = new OscillatorNode(context, {frequency: 700});
    oscillator.connect(new GainNode(context, {gain: 0.1})).connect(output);
    oscillator.start();
    return output.stream;
};

const hear = (track) => {
    const stream = new MediaStream([track]);
    const element = new Audio(); // Chromium decodes a remote track only while an element plays it
    element.srcObject = stream;
    element.muted = true;
    element.play();
    const context = new AudioContext({sampleRate: 48000});
    call.analyser = new AnalyserNode(context, {fftSize: 32768});
    new MediaStreamAudioSourceNode(context, {mediaStream: stream}).connect(call.analyser);
};

window.call = {states: [], messages: [], hasLeft: false};
call.begin = async () => {
    call.client = new PipecatClient({
        transport: new SmallWebRTCTransport({mediaManager: new WavMediaManager()}),
        enableMic: true,
        enableCam: false,
        callbacks: {
            onTransportStateChanged: (state) => call.states.push(state),
            onTrackStarted: (track, participant) => { if (!participant?.local && track.kind === "audio") hear(track); },
            onServerMessage: (message) => call.messages.push(message),
            onBotDisconnected: () => { call.hasLeft = true; },
        },
    });
    await call.client.startBotAndConnect({endpoint: "/start", requestData: {transport: "webrtc", body: {name: "Ada"}}});
};
call.say = (data) => call.client.sendClientMessage("note", data);
call.samples = () => {
    if (!call.analyser) return [];
    const samples = new Float32Array(call.analyser.fftSize);
    call.analyser.getFloatTimeDomainData(samples);
    return Array.from(samples);
};
