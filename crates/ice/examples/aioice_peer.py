"""The other side of the example `drive`, on aioice: connects, and checks that its data comes back.

    python3 aioice_peer.py target/debug/examples/drive (controlling|controlled) ADDRESS [SERVER ...]

The role and the rest are those of `drive`; aioice takes the other role.
"""

import asyncio
import sys

import aioice


async def main() -> None:
    drive = await asyncio.create_subprocess_exec(
        *sys.argv[1:], stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    connection = aioice.Connection(ice_controlling=sys.argv[2] == "controlled")
    await connection.gather_candidates()

    def say(line: str) -> None:
        drive.stdin.write(line.encode() + b"\n")

    say(f"parameters {connection.local_username} {connection.local_password}")
    for candidate in connection.local_candidates:
        say("candidate:" + candidate.to_sdp())
    say("end")
    async for line in drive.stdout:
        text = line.decode().strip()
        print("<", text)
        if text.startswith("parameters "):
            _, connection.remote_username, connection.remote_password = text.split()
        elif text.startswith("candidate:"):
            sdp = text.removeprefix("candidate:")
            await connection.add_remote_candidate(aioice.Candidate.from_sdp(sdp))
        elif text == "end":
            await connection.add_remote_candidate(None)
            break

    async def show() -> None:
        async for line in drive.stdout:
            print("<", line.decode().strip())

    asyncio.get_running_loop().create_task(show())
    await asyncio.wait_for(connection.connect(), 20)
    for number in range(20):
        data = bytes([0x80]) + str(number).encode() * 50
        await connection.send(data)
        assert await asyncio.wait_for(connection.recv(), 5) == data
    print("20 datagrams came back")
    await asyncio.sleep(7)
    await connection.send(b"\x80 after a consent check")
    assert await asyncio.wait_for(connection.recv(), 5) == b"\x80 after a consent check"
    print("and one more after a consent check: OK")
    drive.kill()
    await connection.close()


asyncio.run(main())
