"""aiortc as the client of `gannet serve`: sends a picture with a code in it and a tone, pings over a data channel, and
prints what came back as one line of JSON.

    python client.py URL --codec VP8 --transform none --seconds 5
"""

import argparse
import asyncio
import fractions
import json
import statistics
import time
import urllib.request

import av
import numpy
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

WIDTH, HEIGHT, FPS = 640, 480, 30
RATE, PITCH = 48000, 440
BITS, BLOCK = 16, 40  # the code: one row of black and white blocks at the top


def draw(counter):
    """A grey picture with a moving bright square, and the counter as blocks."""
    picture = numpy.full((HEIGHT, WIDTH), 90, numpy.uint8)
    x = (counter * 7) % (WIDTH - 120)
    picture[200:320, x : x + 120] = 200
    for bit in range(BITS):
        picture[0:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235 if counter >> bit & 1 else 16
    return picture


def read_code(luma):
    counter = 0
    for bit in range(BITS):
        block = luma[8 : BLOCK - 8, bit * BLOCK + 8 : (bit + 1) * BLOCK - 8]
        counter |= int(block.mean() > 125) << bit
    return counter


class Picture(MediaStreamTrack):
    kind = "video"

    def __init__(self):
        super().__init__()
        self.counter, self.sent, self.started = 0, {}, time.monotonic()

    async def recv(self):
        due = self.started + self.counter / FPS
        await asyncio.sleep(max(0, due - time.monotonic()))
        luma = draw(self.counter % (1 << BITS))
        chroma = numpy.full((HEIGHT // 2, WIDTH), 128, numpy.uint8)
        frame = av.VideoFrame.from_ndarray(numpy.vstack([luma, chroma]), format="yuv420p")
        frame.pts, frame.time_base = self.counter * 90000 // FPS, fractions.Fraction(1, 90000)
        self.sent[self.counter % (1 << BITS)] = time.monotonic()
        self.counter += 1
        return frame


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self):
        super().__init__()
        self.samples, self.started = 0, time.monotonic()

    async def recv(self):
        count = RATE // 50
        await asyncio.sleep(max(0, self.started + self.samples / RATE - time.monotonic()))
        at = (self.samples + numpy.arange(count)) * (2 * numpy.pi * PITCH / RATE)
        samples = (8000 * numpy.sin(at)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.samples, fractions.Fraction(1, RATE)
        self.samples += count
        return frame


class Watcher:
    """What came back: pictures with their codes and delays, and sound."""

    def __init__(self, picture):
        self.picture, self.delays, self.codes, self.luma, self.sound = picture, [], [], None, []
        self.first = self.last = None

    async def video(self, track):
        try:
            while True:
                frame = await track.recv()
                now = time.monotonic()
                self.first, self.last = self.first or now, now
                self.luma = frame.to_ndarray(format="gray")
                code = read_code(self.luma)
                self.codes.append(code)
                if code in self.picture.sent:
                    self.delays.append((now - self.picture.sent[code]) * 1000)
        except MediaStreamError:
            pass

    async def audio(self, track):
        try:
            while True:
                frame = await track.recv()
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                self.sound.append(samples.astype(float))
        except MediaStreamError:
            pass

    def pitch(self):
        """The strongest frequency of the last two seconds."""
        if not self.sound:
            return None
        sound = numpy.concatenate(self.sound)[-2 * RATE :]
        spectrum = numpy.abs(numpy.fft.rfft(sound * numpy.hanning(len(sound))))
        return float(numpy.argmax(spectrum) * RATE / len(sound)) if spectrum.max() > 1000 else None

    def fps(self):
        if len(self.codes) < 2:
            return 0.0
        return (len(self.codes) - 1) / (self.last - self.first)


async def call(arguments):
    connection = RTCPeerConnection()
    picture = Picture()
    watcher = Watcher(picture)
    pongs, texts, tasks = [], [], []

    @connection.on("track")
    def on_track(track):
        tasks.append(asyncio.ensure_future(getattr(watcher, track.kind)(track)))

    channel = connection.createDataChannel("chat")

    @channel.on("message")
    def on_message(message):
        if isinstance(message, str) and message.startswith("pong "):
            pongs.append(time.monotonic() * 1000 - float(message[5:]))
        texts.append(message)

    connection.addTrack(Tone())
    connection.addTrack(picture)
    wanted = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.name == arguments.codec]
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(wanted)

    await connection.setLocalDescription(await connection.createOffer())
    offer = {
        "sdp": connection.localDescription.sdp,
        "type": connection.localDescription.type,
        "video_transform": arguments.transform,
    }
    request = urllib.request.Request(
        arguments.url + "offer", json.dumps(offer).encode(), {"Content-Type": "application/json"}
    )
    answer = await asyncio.to_thread(lambda: json.load(urllib.request.urlopen(request)))
    started = time.monotonic()
    await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    while connection.connectionState not in ("connected", "failed", "closed"):
        await asyncio.sleep(0.01)
    connected = time.monotonic() - started
    until = time.monotonic() + arguments.seconds
    while time.monotonic() < until:
        if channel.readyState == "open":
            channel.send(f"ping {time.monotonic() * 1000}")
        await asyncio.sleep(0.25)

    edges = None if watcher.luma is None else float((watcher.luma[48:] > 100).mean())
    report = {
        "state": connection.connectionState,
        "connect_ms": connected * 1000,
        "frames": len(watcher.codes),
        "fps": watcher.fps(),
        "codes_known": sum(code in picture.sent for code in watcher.codes),
        "delay_ms": statistics.median(watcher.delays) if watcher.delays else None,
        "bright": edges,
        "pitch": watcher.pitch(),
        "pongs": len(pongs),
        "ping_ms": statistics.median(pongs) if pongs else None,
    }
    await connection.close()
    for task in tasks:
        task.cancel()
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--codec", default="VP8")
    parser.add_argument("--transform", default="none")
    parser.add_argument("--seconds", type=float, default=5)
    asyncio.run(call(parser.parse_args()))
