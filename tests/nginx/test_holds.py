"""The commands of docs/integrate-storefront.md for a shop that charges cards itself do it."""

import re
import subprocess
from typing import Final

from tests.house.service import Service
from tests.nginx.routing import INTEGRATE
from tests.nginx.shop import Json, OwnBackEnd, ask

BLOCKS: Final = re.findall(r"^```sh\n(.*?)^```$", INTEGRATE, re.DOTALL | re.MULTILINE)
PATH: Final = "/channels/demo/accounts/held/TRY"


def run(service: Service, token: str, commands: str) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=service.env | {"ACCOUNT": service.address + PATH, "TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def read(service: Service, token: str, path: str = "") -> Json:
    got = ask(service.address, "GET", PATH + path, headers={"Authorization": f"Bearer {token}"})
    assert got.status == 200, got.body
    return got.json


def test_a_captured_and_a_voided_hold(service: Service) -> None:
    captured, voided = BLOCKS
    reader = service.cli("token", "--channel", "demo", "--scopes", "read")
    token = service.cli("token", "--channel", "demo", "--scopes", "holds,refunds")
    OwnBackEnd(service.address, service.cli("token", "--channel", "demo"), "held").open_account(
        "20.00"
    )
    for _ in range(2):  # each step may be repeated
        run(service, token, captured)
    assert read(service, reader)["available"] == "14.00"
    assert read(service, reader, "/holds/basket-7")["captured"] == "10.00"
    run(service, token, captured.partition("\n\n")[0].replace("basket-7", "basket-8"))
    assert read(service, reader)["available"] == "4.00"
    for _ in range(2):
        run(service, token, voided)
    assert read(service, reader)["available"] == "14.00"
    assert read(service, reader, "/holds/basket-8")["state"] == "voided"
