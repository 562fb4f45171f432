"""The embedded engine: on loopback only, and its state outlives an orderly end."""

import socket
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from cli import engine as engine_room
from cli.engine import Engine
from cli.local import LocalError

KEY = {"id": {"S": "one"}}


def client(engine: Engine) -> Any:
    return Session().create_client(
        "dynamodb",
        endpoint_url=engine.address,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@pytest.mark.proof
def test_rows_outlive_an_orderly_restart(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        wire = client(engine)
        wire.create_table(
            TableName="rows",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        wire.put_item(TableName="rows", Item=KEY | {"amount": {"N": "1000"}})
    with Engine(tmp_path) as engine:
        found = client(engine).get_item(TableName="rows", Key=KEY)["Item"]
    assert found == KEY | {"amount": {"N": "1000"}}
    engine.forget()
    with engine:
        assert client(engine).list_tables()["TableNames"] == []


def test_the_engine_listens_on_loopback_only(engine: Engine) -> None:
    assert engine.address.startswith("http://127.0.0.1:")
    port = int(engine.address.rpartition(":")[2])
    wide = socket.socket()
    wide.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with wide:
        # Had it taken every interface, another of the machine's addresses would be busy too.
        wide.bind(("127.0.0.2", port))


def test_an_engine_saves_its_state_when_its_parent_is_gone(tmp_path: Path) -> None:
    """A closed pipe stands for a killed parent: the system closes it in the same way."""
    engine = Engine(tmp_path)
    with engine:
        assert engine._process is not None
        assert engine._process.stdin is not None
        engine._process.stdin.close()
        assert engine.wait() == 0


def test_an_engine_that_cannot_start_shows_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\necho it is broken; exit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(engine_room, "PYTHON", failing)
    with pytest.raises(LocalError, match="it is broken"):
        Engine(tmp_path).start()


def test_a_missing_engine_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_room, "PYTHON", tmp_path / "nothing")
    with pytest.raises(LocalError, match="make run"):
        Engine(tmp_path).start()
