"""One list of cases against the local ECS, moto and MiniStack; `docs/fidelity.md` has the table of what they do.

What differs from AWS and is not in the table fails, and so does what is in it and has gone. To write the table
anew: `UPDATE_EXPECTED=1 cargo xtask python`.
"""

import concurrent.futures
import os

import boto3
import botocore.config
import pytest

import cases
import peers
from local import CREDENTIALS, DEADLINE, REGION, Local

PAGE = peers.ROOT / "docs/fidelity.md"
START = "<!-- cases: written by `UPDATE_EXPECTED=1 cargo xtask python` -->\n"
END = "<!-- /cases -->\n"
SERVERS = ["the local ECS", "moto", "MiniStack"]


def stand(server):
    is_peer = isinstance(server, peers.Peer)
    network = server.network() if is_peer else (["subnet-0a1b2c3d"], "sg-0a1b2c3d")
    region = peers.REGION if is_peer else REGION
    retries = {"total_max_attempts": 1, "mode": "standard"}
    clients = [
        boto3.client(
            "ecs",
            endpoint_url=server.url,
            region_name=region,
            config=botocore.config.Config(retries=retries, parameter_validation=checks),
            **CREDENTIALS,
        )
        for checks in (True, False)
    ]
    # What a peer has not done within the call it never does.
    return cases.Stand(*clients, network, patience=2 if is_peer else DEADLINE)


def observed(server):
    """What the server does in each case."""
    at = stand(server)
    found = []
    for case in cases.CASES:
        at.begin()
        found.append(cases.tried(lambda look=case.look: look(at)))
        for arn in at.ecs.list_services(cluster=at.cluster)["serviceArns"]:
            at.ecs.delete_service(cluster=at.cluster, service=arn, force=True)
    return found


def table(columns):
    lines = ["| case | in AWS | " + " | ".join(SERVERS) + " |", "|---|---|" + "---|" * len(SERVERS)]
    for case, *found in zip(cases.CASES, *columns, strict=True):
        source = case.source if case.source.startswith("`") else f"[source]({case.source})"
        cells = ["as AWS" if one == case.right else f"**{one}**" for one in found]
        lines.append(f"| {case.title} | {case.right} ({source}) | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@pytest.fixture
def servers(tmp_path):
    """Started here, since what they do depends on what was done before."""
    running = [Local(tmp_path / "local"), peers.PlainMoto(tmp_path), peers.MiniStack(tmp_path)]
    yield running
    for server in running:
        server.stop()


def test_what_differs_from_aws_is_in_the_table_and_nothing_else_is(servers):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        # Each mostly waits for what it may never see.
        written = table(pool.map(observed, servers))
    page = PAGE.read_text()
    before, rest = page.split(START)
    told, after = rest.split(END)
    if os.environ.get("UPDATE_EXPECTED"):
        PAGE.write_text(before + START + written + END + after)
        return
    differences = sorted(set(told.splitlines()) ^ set(written.splitlines()))
    assert not differences, "\n".join(differences)


def test_every_case_has_a_title_of_its_own():
    titles = [case.title for case in cases.CASES]
    assert len(titles) == len(set(titles)) > 40
