// What both pages share: an oscillator as the microphone, a worklet that keeps everything that is heard, events.
window.prepare = async () => {
    const context = new AudioContext({sampleRate: 48000});
    const code = `registerProcessor("recorder", class extends AudioWorkletProcessor {
        process([[input]]) {
            if (input) this.port.postMessage(input);
            return true;
        }
    })`;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], {type: "text/javascript"})));
    const recorder = new AudioWorkletNode(context, "recorder");
    const microphone = new MediaStreamAudioDestinationNode(context);
    const oscillator = new OscillatorNode(context, {frequency: 440});
    oscillator.connect(microphone);
    oscillator.start();
    const element = new Audio();
    element.muted = true;
    const call = window.call = {context, microphone, element, events: [], blocks: [], failed: null};
    recorder.port.onmessage = ({data}) => call.blocks.push(data);
    call.hear = () => {
        element.play();
        new MediaStreamAudioSourceNode(context, {mediaStream: element.srcObject}).connect(recorder);
    };
    return call;
};

// The calls that OpenAI's browser SDK makes, by hand.
window.callByHand = async ({url, secret}) => {
    const call = await prepare();
    const connection = new RTCPeerConnection();
    const channel = connection.createDataChannel("oai-events");
    const opened = new Promise((resolve) => channel.addEventListener("open", resolve));
    channel.addEventListener("message", ({data}) => call.events.push(JSON.parse(data)));
    connection.ontrack = ({streams}) => {
        call.element.srcObject = streams[0];
        call.hear();
    };
    call.send = (event) => channel.send(JSON.stringify(event));
    call.interrupt = () => call.send({type: "output_audio_buffer.clear"});
    call.close = () => connection.close();
    connection.addTrack(call.microphone.stream.getAudioTracks()[0]);
    const offer = await connection.createOffer();
    await connection.setLocalDescription(offer);
    const response = await fetch(url, {
        method: "POST",
        body: offer.sdp,
        headers: {
            "Content-Type": "application/sdp",
            "Authorization": `Bearer ${secret}`,
            "X-OpenAI-Agents-SDK": "openai-agents-sdk.test",
        },
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    await connection.setRemoteDescription({type: "answer", sdp: await response.text()});
    await opened;
    call.send({type: "session.update", session: {type: "realtime", instructions: "be brief"}});
    return response.headers.get("Location").split("/").pop();
};

// The SDK itself, its bundle loaded before.
window.callBySdk = async ({url, secret}) => {
    const call = await prepare();
    const {OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession} = OpenAIAgentsRealtime;
    const transport = new OpenAIRealtimeWebRTC({
        baseUrl: url,
        mediaStream: call.microphone.stream,
        audioElement: call.element,
        changePeerConnection: async (connection) => {
            connection.addEventListener("track", call.hear); // after the SDK's own ontrack
            return connection;
        },
    });
    const session = new RealtimeSession(new RealtimeAgent({name: "a", instructions: "be brief"}), {transport});
    session.on("transport_event", (event) => call.events.push(event));
    session.on("error", (error) => call.failed = JSON.stringify(error));
    call.send = (event) => transport.sendEvent(event);
    call.interrupt = () => session.interrupt();
    call.close = () => session.close();
    await session.connect({apiKey: secret});
    return transport.callId;
};
