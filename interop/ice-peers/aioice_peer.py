"""aioice behind the same lines as the program `drive`.

    python3 aioice_peer.py (controlling|controlled) [SERVER...]

The standard streams are as `drive` has them; a server is stun:HOST:PORT, turn:HOST:PORT or turn-tcp:HOST:PORT.
"""

import asyncio
import os
import sys

import aioice


def servers(words):
    for word in words:
        kind, host, port = word.split(":")
        if kind == "stun":
            yield "stun_server", (host, int(port))
        else:
            yield "turn_server", (host, int(port))
            yield "turn_username", os.environ["TURN_USER"]
            yield "turn_password", os.environ["TURN_PASSWORD"]
            yield "turn_transport", "tcp" if kind == "turn-tcp" else "udp"


def say(line):
    print(line, flush=True)


async def lines():
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async for line in reader:
        yield line.decode().strip()


async def serve(connection, echoes):
    """Sends back what is asked, and hands on what comes back."""
    while True:
        try:
            data = await connection.recv()
        except ConnectionError:
            return
        if data[0] == 0x80:
            await connection.send(b"\x81" + data[1:])
        else:
            await echoes.put(data)


async def send(connection, echoes, count):
    tries = 0
    for number in range(count):
        text = number.to_bytes(4, "big") * 250
        while True:
            tries += 1
            await connection.send(b"\x80" + text)
            try:
                async with asyncio.timeout(0.5):
                    while await echoes.get() != b"\x81" + text:
                        pass
                break
            except TimeoutError:
                if tries > 10 * count:
                    say(f"lost after {number} of {count}")
                    return
    say(f"echoed {count} in {tries} tries")


async def connect(connection, echoes, tasks):
    await connection.connect()
    pair = connection._nominated[1]
    kinds = {"host": "Host", "srflx": "ServerReflexive", "prflx": "PeerReflexive", "relay": "Relayed"}
    say(f"selected {kinds[pair.local_candidate.type]} {kinds[pair.remote_candidate.type]}")
    say("state Completed")
    tasks.append(asyncio.create_task(serve(connection, echoes)))


async def main():
    words = sys.argv[2:]
    relay_only = "relay-only" in words
    words = [word for word in words if word != "relay-only"]
    connection = aioice.Connection(
        ice_controlling=sys.argv[1] == "controlling",
        transport_policy=aioice.TransportPolicy.RELAY if relay_only else aioice.TransportPolicy.ALL,
        **dict(servers(words)),
    )
    await connection.gather_candidates()
    say(f"parameters {connection.local_username} {connection.local_password}")
    for candidate in connection.local_candidates:
        say("candidate:" + candidate.to_sdp())
    say("end")
    echoes, tasks = asyncio.Queue(), []
    async for line in lines():
        if line.startswith("parameters "):
            _, connection.remote_username, connection.remote_password = line.split()
        elif line.startswith("candidate:"):
            candidate = aioice.Candidate.from_sdp(line.removeprefix("candidate:"))
            await connection.add_remote_candidate(candidate)
        elif line == "end":
            await connection.add_remote_candidate(None)
            tasks.append(asyncio.create_task(connect(connection, echoes, tasks)))
        elif line.startswith("send "):
            await send(connection, echoes, int(line.split()[1]))
        elif line == "quit":
            break
    await connection.close()


asyncio.run(main())
