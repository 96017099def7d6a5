"""Makes the files beside it: FFmpeg's, by PyAV 18.1.0 (libavformat 62.12.102). `python3 make.py DIRECTORY`"""

import sys
from fractions import Fraction

import av
import numpy as np

SAMPLES = 960


def sound(index):
    """20 ms of 440 Hz."""
    times = (np.arange(SAMPLES) + index * SAMPLES) / 48_000
    tone = (8_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2).reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate, frame.pts = 48_000, index * SAMPLES
    return frame


def picture(index, width=64, height=48):
    """A ramp that moves by 8 columns of brightness a frame, 25 frames a second."""
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = (np.arange(width) * 2 + index * 8) % 256
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, 25)
    return frame


def make(path, codec=None, pictures=12, packets=24, sound_codec="libopus", muxer=None, **options):
    with av.open(path, "w", options=muxer or {}) as container:
        streams = []
        if codec:
            video = container.add_stream(codec, rate=25, options=options)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            if codec != "libsvtav1":
                video.bit_rate = 20_000
            streams.append((video, picture, pictures, Fraction(1, 25)))
        if packets:
            audio = container.add_stream(sound_codec, rate=48_000)
            audio.layout, audio.bit_rate = "stereo", 12_000
            streams.append((audio, sound, packets, Fraction(1, 50)))
        frames = [(index * step, stream, make, index) for stream, make, count, step in streams for index in range(count)]
        for _, stream, make_frame, index in sorted(frames, key=lambda frame: frame[0]):
            container.mux(stream.encode(make_frame(index)))
        for stream, *_ in streams:
            container.mux(stream.encode(None))


directory = sys.argv[1]
make(f"{directory}/vp8.webm", "libvpx")
make(f"{directory}/vp9-live.webm", "libvpx-vp9", muxer={"live": "1"})
make(f"{directory}/h264.mkv", "libx264", preset="ultrafast", tune="zerolatency")
make(f"{directory}/av1.webm", "libsvtav1", pictures=3, packets=0, preset="12", crf="50")
make(f"{directory}/sound.opus", packets=25)
make(f"{directory}/reordered.mp4", "libx264", preset="medium")
make(f"{directory}/reordered.mkv", "libx264", preset="medium", packets=0)
fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
make(f"{directory}/fragmented.mp4", "libx264", preset="ultrafast", tune="zerolatency", g="5", muxer=fragments)
make(f"{directory}/vp9.mp4", "libvpx-vp9", muxer={"movflags": "faststart"})
make(f"{directory}/aac.mp4", "libx264", sound_codec="aac", preset="ultrafast", tune="zerolatency")
