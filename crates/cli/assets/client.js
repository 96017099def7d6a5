// The page of `gannet serve`: sends a camera (or a drawing) and a microphone to the server, shows what
// comes back, and what the connection does. No framework, nothing from elsewhere.
"use strict";

const byId = (id) => document.getElementById(id);

// How long each step may take, in milliseconds.
const GATHERING = 3000;
const ANSWERING = 15000;
const CONNECTING = 15000;
// How often numbers are read and pings are sent, in milliseconds.
const STATISTICS = 1000;
const PINGING = 1000;
// Points of a plot: the last minute.
const HISTORY = 60;

// ---------------------------------------------------------------------------------------------
// A number in a picture: a row of blocks along its upper edge, as `gannet_media::frame_code` draws
// it. White and black, 16 bits, 4 bits that check them, black and white.

const frameCode = {
  BLOCKS: 24,

  bits(number) {
    const folded = number ^ (number >> 4) ^ (number >> 8) ^ (number >> 12);
    const word = (number * 16) + ((folded & 15) ^ 10);
    const bits = [1, 0];
    for (let index = 19; index >= 0; index -= 1) bits.push(Math.floor(word / 2 ** index) % 2);
    return bits.concat(0, 1);
  },

  draw(context, width, height, number) {
    const edge = (block) => Math.floor(block * width / this.BLOCKS);
    const band = Math.ceil(height / 8);
    this.bits(number & 0xffff).forEach((bit, block) => {
      context.fillStyle = bit ? "#fff" : "#000";
      context.fillRect(edge(block), 0, edge(block + 1) - edge(block), band);
    });
  },

  // The number in rows of brightness (an array of `width` means over the band's middle), or null.
  read(levels, width) {
    const seen = this.fromPicture(levels, width) ?? this.fromEdges(levels, width);
    if (!seen) return null;
    const number = seen.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
    return this.bits(number).every((bit, block) => bit === seen[block]) ? number : null;
  },

  fromPicture(levels, width) {
    const means = [];
    for (let block = 0; block < this.BLOCKS; block += 1) {
      const left = Math.floor(block * width / this.BLOCKS);
      const right = Math.floor((block + 1) * width / this.BLOCKS);
      const margin = Math.floor((right - left) / 4);
      const part = levels.slice(left + margin, Math.max(right - margin, left + margin + 1));
      means.push(part.reduce((sum, level) => sum + level, 0) / part.length);
    }
    const white = Math.min(means[0], means[this.BLOCKS - 1]);
    const black = Math.max(means[1], means[this.BLOCKS - 2]);
    return white - black < 60 ? null : means.map((mean) => Number(mean > (white + black) / 2));
  },

  // Where only edges are left: lines stand between blocks that differ.
  fromEdges(levels, width) {
    const reach = Math.max(1, Math.floor(width / this.BLOCKS / 3));
    const lines = [];
    for (let block = 1; block < this.BLOCKS; block += 1) {
      const border = Math.floor(block * width / this.BLOCKS);
      lines.push(Math.max(...levels.slice(Math.max(0, border - reach), border + reach)));
    }
    const line = Math.min(lines[0], lines[this.BLOCKS - 2]);
    if (line < 60) return null;
    let white = 1;
    const bits = [1];
    for (const level of lines) {
      if (level > line / 2) white = 1 - white;
      bits.push(white);
    }
    return bits;
  },
};

// Reads the code of what a video element shows.
const codeReader = {
  context: document.createElement("canvas").getContext("2d", { willReadFrequently: true }),

  read(video) {
    const width = video.videoWidth;
    const rows = Math.floor(video.videoHeight / 16);
    if (width < frameCode.BLOCKS || rows < 1) return null;
    const canvas = this.context.canvas;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== rows) canvas.height = rows;
    // The middle half of the band.
    const top = Math.floor(video.videoHeight / 32);
    this.context.drawImage(video, 0, top, width, rows, 0, 0, width, rows);
    const pixels = this.context.getImageData(0, 0, width, rows).data;
    const levels = new Array(width).fill(0);
    for (let index = 0; index < width * rows; index += 1) {
      levels[index % width] += pixels[index * 4 + 1] / rows;
    }
    return frameCode.read(levels, width);
  },
};

// ---------------------------------------------------------------------------------------------
// What is sent.

// A picture that is drawn, with its number in it, and a tone.
class Drawing {
  constructor(width, height, withSound) {
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.number = 0;
    // When each number was drawn, by number modulo the array's length.
    this.drawn = new Float64Array(1024);
    this.draw();
    this.stream = this.canvas.captureStream(30);
    this.timer = setInterval(() => this.draw(), 1000 / 30);
    if (withSound) this.addTone();
  }

  draw() {
    const { context, canvas: { width, height } } = this;
    const bars = ["#bfbfbf", "#bfbf00", "#00bfbf", "#00bf00", "#bf00bf", "#bf0000", "#0000bf", "#202020"];
    bars.forEach((color, index) => {
      context.fillStyle = color;
      context.fillRect(index * width / 8, 0, width / 8 + 1, height);
    });
    const way = 1 - Math.abs((this.number / 60) % 2 - 1);
    context.fillStyle = "#fff";
    context.beginPath();
    context.arc(height / 6 + way * (width - height / 3), height * 0.6, height / 6, 0, 7);
    context.fill();
    context.font = `bold ${Math.round(height / 8)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.lineWidth = height / 60;
    context.strokeText("Gannet", width / 2, height * 0.92);
    context.fillText("Gannet", width / 2, height * 0.92);
    this.number = (this.number + 1) & 0xffff;
    frameCode.draw(context, width, height, this.number);
    this.drawn[this.number % this.drawn.length] = performance.now();
  }

  addTone() {
    const Context = window.AudioContext || window.webkitAudioContext;
    if (!Context) return;
    this.audio = new Context();
    const tone = this.audio.createOscillator();
    const volume = this.audio.createGain();
    const output = this.audio.createMediaStreamDestination();
    tone.frequency.value = 440;
    volume.gain.value = 0.2;
    tone.connect(volume).connect(output);
    tone.start();
    this.audio.resume().catch(() => {});
    this.stream.addTrack(output.stream.getAudioTracks()[0]);
  }

  // How long ago a number was drawn, in milliseconds, or null.
  age(number, now) {
    const behind = (this.number - number) & 0xffff;
    return behind < this.drawn.length ? now - this.drawn[number % this.drawn.length] : null;
  }

  stop() {
    clearInterval(this.timer);
    this.stream.getTracks().forEach((track) => track.stop());
    this.audio?.close().catch(() => {});
  }
}

// Something that the user should read: a title, a text, and what could be done.
class Trouble extends Error {
  constructor(title, text, action) {
    super(`${title} ${text}`);
    Object.assign(this, { title, text, action });
  }
}

const DRAW_INSTEAD = { label: "Send a drawing instead", source: "canvas" };

async function openCamera(settings) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Trouble("No camera without HTTPS.",
      "Browsers give cameras only to pages on localhost or over HTTPS. Start the server with "
      + "“gannet serve --https” and open the page with https://.", DRAW_INSTEAD);
  }
  const [width, height] = settings.resolution.split("x").map(Number);
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } };
  const audio = settings.audio !== "none" && { echoCancellation: true, noiseSuppression: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio });
  } catch (error) {
    if (audio && error.name === "NotFoundError") {
      // One of the two is missing: a camera without a microphone is worth a call too.
      const stream = await navigator.mediaDevices.getUserMedia({ video }).catch(() => null);
      if (stream) {
        view.note("No microphone found.", "The call goes on with pictures alone.");
        return stream;
      }
    }
    throw cameraTrouble(error);
  }
}

function cameraTrouble(error) {
  switch (error.name) {
    case "NotFoundError":
    case "OverconstrainedError":
      return new Trouble("No camera found.", "Connect one, or send a drawing.", DRAW_INSTEAD);
    case "NotAllowedError":
    case "SecurityError":
      return new Trouble("The camera was not allowed.",
        "Allow camera and microphone for this page in the browser's address bar, then start again.",
        DRAW_INSTEAD);
    case "NotReadableError":
    case "AbortError":
      return new Trouble("The camera is busy.",
        "Another program or tab may be using it. Close that and start again.", DRAW_INSTEAD);
    default:
      return new Trouble("The camera could not be opened.", String(error.message || error), DRAW_INSTEAD);
  }
}

// ---------------------------------------------------------------------------------------------
// One call.

class Call {
  constructor(settings, onState) {
    this.settings = settings;
    this.onState = onState;
    this.state = "new";
    this.pings = [];
    this.delays = [];
    this.ended = false;
  }

  // Runs the whole way up to a connection. Throws a Trouble.
  async start() {
    this.setState("source");
    await this.openSource();
    this.setState("gathering");
    this.createConnection();
    await this.pc.setLocalDescription(await this.pc.createOffer());
    await this.gathered();
    this.checkEnded();
    this.setState("offering");
    const answer = await this.exchange();
    this.checkEnded();
    this.setState("connecting");
    try {
      await this.pc.setRemoteDescription(answer);
    } catch (error) {
      throw new Trouble("The server's answer does not fit.", error.message);
    }
    await this.connected();
    this.setState("connected");
  }

  async openSource() {
    if (this.settings.source === "canvas") {
      const [width, height] = this.settings.resolution.split("x").map(Number);
      this.drawing = new Drawing(width, height, this.settings.audio !== "none");
      this.stream = this.drawing.stream;
    } else {
      this.stream = await openCamera(this.settings);
    }
    this.checkEnded();
    view.showLocal(this.stream);
  }

  createConnection() {
    this.pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.remote = new MediaStream();
    this.pc.addEventListener("track", ({ track, receiver }) => {
      // Pictures are shown as soon as they are there.
      if (track.kind === "video" && "jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      this.remote.addTrack(track);
      view.showRemote(this.remote);
    });
    this.pc.addEventListener("connectionstatechange", () => this.connectionChanged());
    this.stream.getTracks().forEach((track) => this.pc.addTrack(track, this.stream));
    if (this.settings.audio === "file" && this.stream.getAudioTracks().length === 0) {
      this.pc.addTransceiver("audio", { direction: "recvonly" });
    }
    this.preferCodec();
    this.openChannel();
  }

  preferCodec() {
    const wanted = `video/${this.settings.codec}`.toLowerCase();
    const known = RTCRtpReceiver.getCapabilities?.("video")?.codecs ?? [];
    const repairs = ["video/rtx", "video/red", "video/ulpfec"];
    const chosen = known.filter(({ mimeType }) => mimeType.toLowerCase() === wanted);
    if (known.length > 0 && chosen.length === 0) {
      view.note(`This browser has no ${this.settings.codec}.`, "The call goes on with what it has.");
      return;
    }
    const transceiver = this.pc.getTransceivers().find(({ sender }) => sender.track?.kind === "video");
    if (!transceiver?.setCodecPreferences) return;
    const rest = known.filter(({ mimeType }) => repairs.includes(mimeType.toLowerCase()));
    try {
      transceiver.setCodecPreferences(chosen.concat(rest));
    } catch (error) {
      view.note("The codec could not be chosen.", error.message);
    }
  }

  openChannel() {
    this.channel = this.pc.createDataChannel("ping");
    this.channel.addEventListener("open", () => {
      const ping = () => {
        if (this.channel.readyState === "open") this.channel.send(`ping ${performance.now().toFixed(2)}`);
      };
      ping();
      this.pinging = setInterval(ping, PINGING);
    });
    this.channel.addEventListener("message", ({ data }) => {
      if (typeof data !== "string" || !data.startsWith("pong")) return;
      const sent = parseFloat(data.slice(4));
      if (!Number.isFinite(sent)) return;
      this.pings.push(performance.now() - sent);
      if (this.pings.length > 1000) this.pings.shift();
      view.showPings(this.pings);
    });
    this.channel.addEventListener("close", () => clearInterval(this.pinging));
  }

  // Waits until every candidate is in the offer, or long enough.
  async gathered() {
    const isDone = () => this.pc.iceGatheringState === "complete";
    if (!isDone()) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, GATHERING);
        this.pc.addEventListener("icegatheringstatechange", () => {
          if (!isDone()) return;
          clearTimeout(timer);
          resolve();
        });
      });
    }
    if (!this.pc.localDescription.sdp.includes("a=candidate:")) {
      throw new Trouble("This browser found no network address.",
        "A browser setting, an extension or a VPN may hide them from web pages.");
    }
  }

  async exchange() {
    const { sdp, type } = this.pc.localDescription;
    const body = { sdp, type, video_transform: this.settings.transform };
    if (this.settings.audio === "file") body.audio = "file";
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), ANSWERING);
    let response;
    try {
      response = await fetch("offer", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: abort.signal,
      });
    } catch (error) {
      throw abort.signal.aborted
        ? new Trouble("The server does not answer.", "It took the offer, but nothing came back in time.")
        : new Trouble("The server can not be reached.", "Is “gannet serve” still running?");
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok) throw await refusal(response);
    try {
      const answer = await response.json();
      return { sdp: answer.sdp, type: answer.type };
    } catch (error) {
      throw new Trouble("The server's answer can not be read.", error.message);
    }
  }

  connected() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(noPath(this.pc)), CONNECTING);
      const settle = (then) => { clearTimeout(timer); then(); };
      const check = () => {
        switch (this.pc.connectionState) {
          case "connected": settle(resolve); break;
          case "failed": settle(() => reject(noPath(this.pc))); break;
          case "closed": settle(() => reject(new Trouble("Stopped.", ""))); break;
        }
      };
      this.settle = check;
      this.pc.addEventListener("connectionstatechange", check);
      check();
    });
  }

  connectionChanged() {
    if (this.ended) return;
    const state = this.pc.connectionState;
    if (this.state === "connected" && state === "disconnected") this.setState("interrupted");
    if (this.state === "interrupted" && state === "connected") this.setState("connected");
    if ((this.state === "connected" || this.state === "interrupted") && state === "failed") {
      this.onFailure(new Trouble("The connection was lost.",
        "The server may have stopped, or the network changed. Start again to call anew."));
    }
  }

  // After each wait: a call that was ended meanwhile gives back what it has opened since.
  checkEnded() {
    if (!this.ended) return;
    this.stop();
    throw new Trouble("Stopped.", "");
  }

  setState(state) {
    this.state = state;
    if (!this.ended) this.onState(state);
  }

  // Measures the delay of a picture that came back, when its number can be read.
  pictureShown(now) {
    if (!this.drawing) return;
    const number = codeReader.read(view.remote);
    const age = number === null ? null : this.drawing.age(number, now);
    if (age === null || age < 0) return;
    this.delays.push(age);
    if (this.delays.length > 1000) this.delays.shift();
  }

  stop() {
    this.ended = true;
    clearInterval(this.pinging);
    if (this.pc) {
      this.pc.close();
      this.settle?.();
    }
    this.drawing?.stop();
    this.stream?.getTracks().forEach((track) => track.stop());
  }
}

async function refusal(response) {
  const text = await response.text().catch(() => "");
  let reason = text.trim();
  try {
    reason = JSON.parse(text).error ?? reason;
  } catch { /* It is plain text. */ }
  const title = response.status >= 500 ? "The server has a problem." : "The server refused the call.";
  return new Trouble(title, reason || `HTTP status ${response.status}`);
}

// No connection came about: says which half of it was missing.
function noPath(pc) {
  if (pc.iceConnectionState === "connected" || pc.iceConnectionState === "completed") {
    return new Trouble("The encryption could not be set up.",
      "The server was reached, but the DTLS handshake did not complete.");
  }
  return new Trouble("No path to the server.",
    "Packets over UDP do not get through. A firewall or VPN may block them: allow UDP between "
    + "this device and the server, or try another network.");
}

// ---------------------------------------------------------------------------------------------
// Numbers.

// What two reports of one RTP stream say about the time between them.
const rate = (now, before, field) => {
  if (!now || !before || now.id !== before.id) return null;
  const seconds = (now.timestamp - before.timestamp) / 1000;
  return seconds > 0 ? Math.max(0, (now[field] - before[field]) / seconds) : null;
};

class Statistics {
  constructor(call) {
    this.call = call;
    this.history = [];
    this.timer = setInterval(() => this.read().catch(() => {}), STATISTICS);
  }

  stop() {
    clearInterval(this.timer);
  }

  async read() {
    if (!this.call.pc || this.call.ended) return;
    const reports = [...(await this.call.pc.getStats()).values()];
    const find = (type, kind) => reports.find((report) => report.type === type && (!kind || report.kind === kind));
    const byKey = (id) => reports.find((report) => report.id === id);
    const out = find("outbound-rtp", "video");
    const inbound = find("inbound-rtp", "video");
    const transport = find("transport");
    const pair = byKey(transport?.selectedCandidatePairId)
      ?? reports.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
    const last = this.last ?? {};
    const sample = {
      time: performance.now(),
      sent: scaled(rate(out, last.out, "bytesSent"), 8 / 1000),
      received: scaled(rate(inbound, last.inbound, "bytesReceived"), 8 / 1000),
      rtt: scaled(pair?.currentRoundTripTime ?? null, 1000),
      ping: this.call.pings.at(-1) ?? null,
      lossOut: scaled(find("remote-inbound-rtp", "video")?.fractionLost ?? null, 100),
      lossIn: lossBetween(inbound, last.inbound),
      fpsOut: rate(out, last.out, "framesEncoded"),
      fpsIn: rate(inbound, last.inbound, "framesDecoded"),
      delay: median(this.call.delays.slice(-30)),
      width: inbound?.frameWidth ?? null,
      height: inbound?.frameHeight ?? null,
      framesDecoded: inbound?.framesDecoded ?? 0,
      freezes: inbound?.freezeCount ?? 0,
      jitterBuffer: meanDelay(inbound, last.inbound),
      codecOut: byKey(out?.codecId)?.mimeType ?? null,
      codecIn: byKey(inbound?.codecId)?.mimeType ?? null,
      audioIn: byKey(find("inbound-rtp", "audio")?.codecId)?.mimeType ?? null,
      audioLevel: find("inbound-rtp", "audio")?.audioLevel ?? null,
      dtls: transport?.tlsVersion ?? null,
      srtp: transport?.srtpCipher ?? null,
      path: describePath(byKey(pair?.localCandidateId), byKey(pair?.remoteCandidateId)),
    };
    this.last = { out, inbound };
    this.history.push(sample);
    if (this.history.length > HISTORY) this.history.shift();
    view.showStatistics(this.history, this.call);
  }
}

const scaled = (value, factor) => (value === null ? null : value * factor);

function lossBetween(now, before) {
  if (!now || !before || now.id !== before.id) return null;
  const lost = Math.max(0, now.packetsLost - before.packetsLost);
  const received = Math.max(0, now.packetsReceived - before.packetsReceived);
  return lost + received > 0 ? 100 * lost / (lost + received) : 0;
}

function meanDelay(now, before) {
  if (!now || !before || now.id !== before.id) return null;
  const count = now.jitterBufferEmittedCount - before.jitterBufferEmittedCount;
  return count > 0 ? 1000 * (now.jitterBufferDelay - before.jitterBufferDelay) / count : null;
}

function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function describePath(local, remote) {
  if (!local || !remote) return null;
  const end = ({ address, ip, port, candidateType }) => `${address || ip || candidateType}:${port}`;
  return `${local.protocol.toUpperCase()}, ${end(local)} → ${end(remote)}`;
}

// ---------------------------------------------------------------------------------------------
// What is seen.

const WORDS = {
  idle: ["idle", "Not connected"],
  source: ["wait", "Opening the camera…"],
  gathering: ["wait", "Looking for network addresses…"],
  offering: ["wait", "Calling the server…"],
  connecting: ["wait", "Connecting…"],
  connected: ["good", "Connected"],
  interrupted: ["wait", "Interrupted, trying again…"],
  failed: ["bad", "Failed"],
  stopped: ["idle", "Call ended"],
};

class Plot {
  constructor(name, unit, digits, ceiling) {
    this.canvas = byId(`${name}-plot`);
    this.value = byId(`${name}-value`);
    Object.assign(this, { unit, digits, ceiling });
  }

  // Draws two series, the newest value at the right.
  draw(first, second) {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const top = Math.max(this.ceiling, ...first.concat(second).filter((value) => value !== null)) * 1.1;
    this.grid(context, width, height, style.getPropertyValue("--line"));
    this.line(context, width, height, top, first, style.getPropertyValue("--accent"), true);
    this.line(context, width, height, top, second, style.getPropertyValue("--second"), false);
    const newest = second.at(-1) ?? first.at(-1) ?? null;
    this.value.textContent = newest === null ? "–" : `${newest.toFixed(this.digits)} ${this.unit}`;
  }

  grid(context, width, height, color) {
    context.strokeStyle = color;
    context.lineWidth = 1;
    context.beginPath();
    for (const y of [0.5, height / 2, height - 0.5]) {
      context.moveTo(0, y);
      context.lineTo(width, y);
    }
    context.stroke();
  }

  line(context, width, height, top, values, color, isFilled) {
    const x = (index) => width - (values.length - 1 - index) * width / (HISTORY - 1);
    const y = (value) => height - 1 - (height - 3) * value / top;
    const points = values.map((value, index) => [x(index), value]).filter(([, value]) => value !== null);
    if (points.length === 0) return;
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = 1.8;
    context.lineJoin = "round";
    context.beginPath();
    points.forEach(([at, value], index) => (index ? context.lineTo(at, y(value)) : context.moveTo(at, y(value))));
    context.stroke();
    if (!isFilled) return;
    context.lineTo(points.at(-1)[0], height);
    context.lineTo(points[0][0], height);
    context.globalAlpha = 0.15;
    context.fill();
    context.globalAlpha = 1;
  }
}

const view = {
  local: byId("local"),
  remote: byId("remote"),
  plots: {
    bitrate: new Plot("bitrate", "kbit/s", 0, 100),
    rtt: new Plot("rtt", "ms", 1, 2),
    loss: new Plot("loss", "%", 1, 2),
    fps: new Plot("fps", "fps", 0, 30),
  },

  showState(state) {
    const [mood, words] = WORDS[state];
    byId("status").dataset.mood = mood;
    byId("status-text").textContent = words;
    byId("fact-state").textContent = words;
    const isIdle = ["idle", "failed", "stopped"].includes(state);
    byId("start").hidden = !isIdle;
    byId("stop").hidden = isIdle;
  },

  showLocal(stream) {
    this.play(this.local, stream);
  },

  showRemote(stream) {
    this.play(this.remote, stream);
    byId("sound").hidden = stream.getAudioTracks().length === 0;
  },

  play(video, stream) {
    if (video.srcObject !== stream) video.srcObject = stream;
    video.play().catch((error) => {
      // Without a click a browser may refuse sound: pictures alone, and a button for the rest.
      if (error.name !== "NotAllowedError" || video.muted) return;
      video.muted = true;
      this.showSound();
      video.play().catch(() => {});
    });
  },

  showSound() {
    byId("sound").textContent = this.remote.muted ? "Unmute" : "Mute";
  },

  clear() {
    for (const video of [this.local, this.remote]) {
      video.srcObject = null;
      video.closest(".screen").classList.remove("playing");
    }
    byId("sound").hidden = true;
    for (const id of ["local-size", "remote-size"]) byId(id).textContent = "";
  },

  showSize(video, id) {
    byId(id).textContent = video.videoWidth ? `${video.videoWidth} × ${video.videoHeight}` : "";
    video.closest(".screen").classList.toggle("playing", video.videoWidth > 0);
  },

  showPings(pings) {
    const last = pings.slice(-12);
    byId("ping-value").textContent = `${pings.at(-1).toFixed(1)} ms`;
    byId("ping-note").textContent = `last of ${pings.length}, median ${median(pings).toFixed(1)} ms`;
    byId("pings").replaceChildren(...last.reverse().map((ping) => {
      const item = document.createElement("li");
      item.textContent = `${ping.toFixed(1)} ms`;
      return item;
    }));
  },

  showStatistics(history, call) {
    const series = (name) => history.map((sample) => sample[name]);
    this.plots.bitrate.draw(series("sent"), series("received"));
    this.plots.rtt.draw(series("rtt"), series("ping"));
    this.plots.loss.draw(series("lossOut"), series("lossIn"));
    this.plots.fps.draw(series("fpsOut"), series("fpsIn"));
    const now = history.at(-1);
    const codec = (mime) => mime?.split("/")[1].replace("H264", "H.264") ?? "–";
    byId("fact-path").textContent = now.path ?? "–";
    byId("fact-security").textContent = security(now);
    byId("fact-video").textContent = now.codecIn || now.codecOut
      ? `${codec(now.codecOut)} there, ${codec(now.codecIn)} back, ${now.freezes} freezes` : "–";
    byId("fact-audio").textContent = codec(now.audioIn);
    byId("fact-delay").textContent = call.drawing
      ? (now.delay === null ? "–" : `${now.delay.toFixed(0)} ms there and back`)
      : "measured when a drawing is sent";
  },

  resetStatistics() {
    Object.values(this.plots).forEach((plot) => plot.draw([], []));
    for (const fact of ["path", "security", "video", "audio", "delay"]) byId(`fact-${fact}`).textContent = "–";
    byId("pings").replaceChildren();
    byId("ping-value").textContent = "–";
    byId("ping-note").textContent = "A ping goes out each second.";
  },

  message(mood, title, text, action) {
    byId("message").hidden = false;
    byId("message").dataset.mood = mood;
    byId("message-title").textContent = title;
    byId("message-text").textContent = text;
    byId("message-action").hidden = !action;
    if (action) {
      byId("message-action").textContent = action.label;
      byId("message-action").onclick = () => {
        byId("source").value = action.source;
        gannet.start().catch(() => {});
      };
    }
  },

  note(title, text) {
    this.message("note", title, text);
  },

  closeMessage() {
    byId("message").hidden = true;
  },
};

function security({ dtls, srtp }) {
  const versions = { FEFD: "DTLS 1.2", FEFC: "DTLS 1.3" };
  const parts = [versions[dtls?.toUpperCase()] ?? null, srtp].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : "–";
}

// ---------------------------------------------------------------------------------------------
// The page as a whole, and what tests drive.

const SETTINGS = ["source", "transform", "codec", "resolution", "audio"];

const gannet = {
  // idle, source, gathering, offering, connecting, connected, interrupted, failed or stopped.
  state: "idle",
  // The title and text of the last failure, or null.
  error: null,
  call: null,
  statistics: null,
  localVideo: view.local,
  remoteVideo: view.remote,
  frameCode,
  readCode: (video = view.remote) => codeReader.read(video),

  get pc() { return this.call?.pc ?? null; },
  get pings() { return this.call?.pings ?? []; },
  get delays() { return this.call?.delays ?? []; },
  get history() { return this.statistics?.history ?? []; },
  get stats() { return this.history.at(-1) ?? null; },
  get settings() { return Object.fromEntries(SETTINGS.map((name) => [name, byId(name).value])); },

  // Calls the server with the page's settings, changed by `overrides`. Resolves when connected.
  async start(overrides = {}) {
    this.hangUp();
    view.closeMessage();
    view.resetStatistics();
    for (const [name, value] of Object.entries(overrides)) byId(name).value = value;
    this.error = null;
    const call = new Call(this.settings, (state) => this.setState(state));
    call.onFailure = (trouble) => this.fail(trouble);
    this.call = call;
    this.statistics = new Statistics(call);
    try {
      await call.start();
    } catch (error) {
      // Stopped, or followed by another call: nobody waits for this one.
      if (this.call !== call || call.ended) return;
      this.fail(error);
      throw error;
    }
  },

  // Ends the call.
  stop() {
    this.hangUp();
    this.setState("stopped");
  },

  hangUp() {
    this.call?.stop();
    this.statistics?.stop();
    view.clear();
  },

  fail(error) {
    const trouble = error instanceof Trouble ? error : new Trouble("Something went wrong.", String(error.message || error));
    this.hangUp();
    this.error = { title: trouble.title, text: trouble.text };
    this.setState("failed");
    view.message("bad", trouble.title, trouble.text, trouble.action);
  },

  setState(state) {
    this.state = state;
    view.showState(state);
  },
};
window.gannet = gannet;

// Calls back for each picture that the remote video shows.
function watchPictures() {
  const video = view.remote;
  const isPerFrame = "requestVideoFrameCallback" in video;
  const next = () => (isPerFrame ? video.requestVideoFrameCallback(shown) : requestAnimationFrame(shown));
  const shown = () => {
    if (video.videoWidth > 0) gannet.call?.pictureShown(performance.now());
    next();
  };
  next();
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  for (const name of SETTINGS) {
    const value = query.get(name);
    const option = [...byId(name).options].find((one) => one.value.toLowerCase() === value?.toLowerCase());
    if (option) byId(name).value = option.value;
  }
  if (query.has("start")) gannet.start().catch(() => {});
}

byId("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  gannet.start().catch(() => {});
});
byId("controls").addEventListener("change", () => {
  if (!["idle", "failed", "stopped"].includes(gannet.state)) gannet.start().catch(() => {});
});
byId("stop").addEventListener("click", () => gannet.stop());
byId("message-close").addEventListener("click", () => view.closeMessage());
byId("sound").addEventListener("click", () => {
  view.remote.muted = !view.remote.muted;
  view.showSound();
});
for (const [video, id] of [[view.local, "local-size"], [view.remote, "remote-size"]]) {
  for (const event of ["loadedmetadata", "resize", "emptied"]) {
    video.addEventListener(event, () => view.showSize(video, id));
  }
}
window.addEventListener("pagehide", () => gannet.hangUp());
window.addEventListener("resize", () => {
  if (gannet.history.length > 0) view.showStatistics(gannet.history, gannet.call);
});
view.resetStatistics();
view.showState("idle");
watchPictures();
readAddress();
