#!/usr/bin/env python3
"""Checks that every crate knows only the crates that docs/architecture.md lets it know.

A crate may use what its arrow points at and whatever that reaches. No crate below `peer-connection` may
reach tokio, not even through another library. `--self-test` shows that each kind of breach is found.
"""

import json
import subprocess
import sys

ARROWS = {
    "gannet-wire": [],
    "gannet-crypto": [],
    "gannet-sdp": [],
    "gannet-netsim": [],
    "gannet-alloc-count": [],
    "gannet-codecs": [],
    "gannet-stun": ["gannet-wire", "gannet-crypto"],
    "gannet-turn": ["gannet-stun"],
    "gannet-ice": ["gannet-stun", "gannet-turn"],
    "gannet-dtls": ["gannet-wire", "gannet-crypto"],
    "gannet-srtp": ["gannet-wire", "gannet-crypto"],
    "gannet-rtp": ["gannet-wire"],
    "gannet-rtp-payload": ["gannet-rtp"],
    "gannet-rtp-session": ["gannet-rtp", "gannet-rtp-payload"],
    "gannet-sctp": ["gannet-wire", "gannet-crypto"],
    "gannet-datachannel": ["gannet-sctp"],
    "gannet-media": ["gannet-codecs"],
    "gannet-ortc": [
        "gannet-ice",
        "gannet-dtls",
        "gannet-srtp",
        "gannet-sctp",
        "gannet-datachannel",
        "gannet-rtp-session",
    ],
    "gannet-jsep": ["gannet-sdp", "gannet-ortc"],
    "gannet": ["gannet-ortc", "gannet-jsep", "gannet-media"],
    "gannet-cli": ["gannet"],
}
MAY_USE_TOKIO = {"gannet", "gannet-cli"}
DEV_ONLY = {"gannet-netsim", "gannet-alloc-count"}


def reach(edges, start):
    """Everything that can be reached from `start`, without `start` itself."""
    seen, stack = set(), list(edges.get(start, ()))
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack.extend(edges.get(name, ()))
    return seen


def breaches(members, uses, edges):
    """What is wrong, a sentence each. `uses`: a member's own dependencies; `edges`: all packages'."""
    found = []
    for name in sorted(members):
        if name not in ARROWS:
            found.append(f"{name} is not drawn in the architecture")
            continue
        allowed = reach(ARROWS, name)
        for other in sorted(uses[name] & members):
            if other in DEV_ONLY:
                found.append(f"{name} uses {other}, which is for tests only")
            elif other not in allowed:
                found.append(f"{name} uses {other}, which it may not know")
        if name not in MAY_USE_TOKIO and "tokio" in reach(edges, name):
            found.append(f"{name} reaches tokio")
    found += [f"{name} is drawn but does not exist" for name in sorted(set(ARROWS) - members)]
    return found


def workspace():
    """The members, their own dependencies, and everybody's dependencies: without dev- and build-ones."""
    command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    members = {names[member] for member in metadata["workspace_members"]}
    edges = {name: set() for name in names.values()}
    for node in metadata["resolve"]["nodes"]:
        for dependency in node["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                edges[names[node["id"]]].add(names[dependency["pkg"]])
    return members, {name: edges[name] for name in members}, edges


def self_test():
    members = set(ARROWS)
    clean = {name: set(known) for name, known in ARROWS.items()}
    assert breaches(members, clean, clean) == []

    def broken(name, dependency, through=None):
        edges = {key: set(value) for key, value in clean.items()}
        edges[name].add(through or dependency)
        if through:
            edges[through] = {dependency}
        return breaches(members, {key: edges[key] for key in members}, edges)

    assert "gannet-sctp uses gannet-dtls, which it may not know" in broken("gannet-sctp", "gannet-dtls")
    assert "gannet-ice uses gannet-netsim, which is for tests only" in broken("gannet-ice", "gannet-netsim")
    assert "gannet-rtp uses gannet-alloc-count, which is for tests only" in broken("gannet-rtp", "gannet-alloc-count")
    assert "gannet-media reaches tokio" in broken("gannet-media", "tokio", through="some-library")
    assert breaches(members | {"gannet-util"}, clean | {"gannet-util": set()}, clean)
    assert breaches(members - {"gannet-wire"}, clean, clean)


if __name__ == "__main__":
    self_test()
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(0)
    problems = breaches(*workspace())
    for problem in problems:
        print(f"architecture: {problem}")
    sys.exit(1 if problems else 0)
