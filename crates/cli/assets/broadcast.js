// The pages that publish a camera by WHIP (/publish/NAME) and watch by WHEP (/watch/NAME). No framework, nothing from
// elsewhere.
"use strict";

const byId = (id) => document.getElementById(id);
const publishes = document.body.dataset.role === "publish";
const name = decodeURIComponent(location.pathname.split("/").pop());
const endpoint = new URL(`/${publishes ? "whip" : "whep"}/${encodeURIComponent(name)}`, location.href);

// How long an answer and the connection may take, in milliseconds.
const ANSWERING = 15000;
const CONNECTING = 15000;
// How long to wait before another attempt, and between two looks at the statistics.
const AGAIN = 2000;
const STATISTICS = 1000;

// A session with a WHIP or WHEP endpoint.
class Session {
  constructor(pc, token) {
    this.pc = pc;
    this.token = token;
    this.waiting = [];
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate === "") return;
      this.waiting.push(candidate);
      this.trickle();
    };
  }

  headers(more) {
    return this.token ? { ...more, Authorization: `Bearer ${this.token}` } : more;
  }

  async open() {
    await this.pc.setLocalDescription();
    const response = await fetch(endpoint, {
      method: "POST",
      headers: this.headers({ "Content-Type": "application/sdp" }),
      body: this.pc.localDescription.sdp,
      signal: AbortSignal.timeout(ANSWERING),
    });
    const body = await response.text();
    if (response.status !== 201) throw new Error(reason(response, body));
    this.url = new URL(response.headers.get("Location"), response.url);
    this.tag = response.headers.get("ETag");
    await this.pc.setRemoteDescription({ type: "answer", sdp: body });
    this.trickle();
  }

  // Tells all candidates that wait, one request after the other (RFC 8840). The answer had all of the server's.
  async trickle() {
    if (!this.url || this.isTelling) return;
    this.isTelling = true;
    while (this.waiting.length > 0) {
      const candidates = this.waiting.splice(0);
      await fetch(this.url, {
        method: "PATCH",
        headers: this.headers({ "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": this.tag }),
        body: this.fragment(candidates),
      }).catch((error) => console.warn("candidates were not told", error));
    }
    this.isTelling = false;
  }

  fragment(candidates) {
    const sdp = this.pc.localDescription.sdp.split("\r\n");
    const first = (start) => sdp.find((line) => line.startsWith(start));
    const lines = ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:"].map(first);
    for (const candidate of candidates) {
      lines.push(candidate ? `a=${candidate.candidate}` : "a=end-of-candidates");
    }
    return lines.filter(Boolean).map((line) => `${line}\r\n`).join("");
  }

  // Waits until media flows.
  connected() {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("The server answered, but it can not be reached for media.")), CONNECTING);
      const look = () => {
        const { connectionState } = this.pc;
        if (connectionState === "connected") resolve();
        else if (connectionState === "failed" || connectionState === "closed") reject(new Error("There is no path to the server."));
        else return;
        clearTimeout(late);
      };
      this.pc.addEventListener("connectionstatechange", look);
      look();
    });
  }

  // Waits for the end.
  ended() {
    return new Promise((resolve) => {
      const look = () => ["failed", "closed"].includes(this.pc.connectionState) && resolve();
      this.pc.addEventListener("connectionstatechange", look);
      look();
    });
  }

  // `keepalive` lets the request outlive the page.
  close() {
    this.pc.close();
    if (this.url) fetch(this.url, { method: "DELETE", headers: this.headers({}), keepalive: true }).catch(() => {});
    this.url = null;
  }
}

function reason(response, body) {
  try {
    const { detail } = JSON.parse(body);
    if (detail) return `The server says: ${detail}.`;
  } catch {
    // No problem in JSON.
  }
  return `The server answers ${response.status}.`;
}

// ---------------------------------------------------------------------------------------------
// What is sent and what is shown.

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("Browsers give cameras only to pages on localhost or over HTTPS: start the server with “gannet serve --https”.");
  }
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  const audio = { echoCancellation: true, noiseSuppression: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio });
  } catch (error) {
    // One of the two may be missing.
    for (const kinds of [{ video }, { audio }]) {
      const stream = await navigator.mediaDevices.getUserMedia(kinds).catch(() => null);
      if (stream) return stream;
    }
    throw new Error(`The camera can not be had: ${error.message}.`);
  }
}

function publisher(stream) {
  const pc = new RTCPeerConnection();
  for (const track of stream.getTracks()) {
    const init = { direction: "sendonly", streams: [stream] };
    if (track.kind === "video" && byId("simulcast").checked) {
      init.sendEncodings = [
        { rid: "q", scaleResolutionDownBy: 4 },
        { rid: "h", scaleResolutionDownBy: 2 },
        { rid: "f" },
      ];
    }
    try {
      pc.addTransceiver(track, init);
    } catch {
      // A browser without simulcast.
      delete init.sendEncodings;
      pc.addTransceiver(track, init);
    }
  }
  return pc;
}

function viewer(video) {
  const pc = new RTCPeerConnection();
  const stream = new MediaStream();
  for (const kind of ["audio", "video"]) {
    const { receiver } = pc.addTransceiver(kind, { direction: "recvonly" });
    stream.addTrack(receiver.track);
  }
  video.srcObject = stream;
  return pc;
}

// ---------------------------------------------------------------------------------------------
// The page.

const page = {
  video: byId("video"),
  session: null,
  // Each start and stop counts: what belongs to an earlier one is over.
  round: 0,

  say(mood, text) {
    byId("status").dataset.mood = mood;
    byId("status-text").textContent = text;
  },

  trouble(text) {
    byId("message").hidden = !text;
    byId("message-text").textContent = text ?? "";
  },

  async start() {
    const round = ++this.round;
    this.toggle(true);
    this.trouble(null);
    while (round === this.round) {
      try {
        await this.attempt(round);
      } catch (error) {
        if (round === this.round) this.trouble(error.message);
      }
      this.session?.close();
      this.session = null;
      if (round !== this.round) return;
      this.say("wait", "Trying again");
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  },

  // One session, from its beginning to its end.
  async attempt(round) {
    this.say("wait", publishes ? "Opening the camera" : "Connecting");
    if (publishes) {
      this.camera ??= await openCamera();
      if (round !== this.round) return this.release();
      this.video.srcObject = this.camera;
      this.say("wait", "Connecting");
    }
    const pc = publishes ? publisher(this.camera) : viewer(this.video);
    const session = new Session(pc, byId("token")?.value);
    this.session = session;
    await session.open();
    // Meanwhile somebody may have stopped: the server shall know.
    if (round !== this.round) return session.close();
    await session.connected();
    this.trouble(null);
    this.say("good", publishes ? "On air" : "Connected");
    this.video.play().catch(() => {});
    await session.ended();
  },

  stop() {
    this.round += 1;
    this.session?.close();
    this.session = null;
    this.release();
    this.video.srcObject = null;
    this.trouble(null);
    this.say("idle", "Not connected");
    this.toggle(false);
  },

  release() {
    this.camera?.getTracks().forEach((track) => track.stop());
    this.camera = null;
  },

  toggle(running) {
    byId("start").hidden = running;
    byId("stop").hidden = !running;
  },

  // The size of the picture, and how much comes or goes.
  async measure() {
    const { video } = this;
    const shows = video.videoWidth > 0 && video.srcObject !== null;
    byId("screen").classList.toggle("playing", shows);
    let bytes = 0;
    const reports = this.session ? await this.session.pc.getStats() : [];
    reports.forEach((report) => {
      if (report.type === (publishes ? "outbound-rtp" : "inbound-rtp")) {
        bytes += report.bytesSent ?? report.bytesReceived ?? 0;
      }
    });
    const kilobits = Math.max(0, bytes - (this.bytes ?? 0)) * 8 / STATISTICS;
    this.bytes = bytes;
    const size = shows ? `${video.videoWidth} × ${video.videoHeight}` : "";
    byId("facts").textContent = this.session ? `${size} · ${Math.round(kilobits)} kbit/s` : "";
  },
};

for (const element of document.querySelectorAll(".name")) element.textContent = name;
for (const element of document.querySelectorAll(".endpoint")) element.textContent = endpoint.href;
for (const link of document.querySelectorAll(".watch-link")) {
  link.href = `/watch/${encodeURIComponent(name)}`;
  link.textContent = link.href;
}
document.title = `Gannet: ${publishes ? "publish" : "watch"} ${name}`;
byId("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  page.start();
});
byId("stop").addEventListener("click", () => page.stop());
// Browsers begin to play without a click only what is silent.
byId("sound")?.addEventListener("click", () => {
  page.video.muted = !page.video.muted;
  byId("sound").textContent = page.video.muted ? "Sound on" : "Sound off";
});
addEventListener("pagehide", () => page.stop());
setInterval(() => page.measure().catch(() => {}), STATISTICS);
window.broadcast = page;
// Not before the page is loaded: a video without pictures yet would keep it from ever being.
if (!publishes) addEventListener("load", () => page.start());
