"""The drill of a restore, as docs/operations.md walks through it.

ministack makes the copies as of the moment of the call, and not of the moment that is named.
"""

import datetime

import pytest

from tests.deploy.stack import Deployed
from tests.house.staff import Staff, a_transfer

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_a_stage_is_brought_back_to_a_moment(stack: Deployed) -> None:
    staff = Staff(stack)
    staff.open_account("treasury", "100.00")
    staff.open_account("ada")
    staff.must("PUT", "/transfers/t-1", a_transfer("treasury", "ada", "10.00"))
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    stack.cli("restore", "--at", now)
    assert "right" in stack.cli("audit", "--restored", "--channel", staff.channel)

    lost = a_transfer("treasury", "ada", "5.00")
    staff.must("PUT", "/transfers/t-2", lost)
    stack.cli("restore", "--stop", "--wait", "1")
    stack.cli("restore", "--apply", "--yes")
    status, _ = staff.ask("GET", "/accounts/ada/TRY")
    assert status == 429 or status >= 500, "no function runs meanwhile"
    assert "right" in stack.cli("audit", "--channel", staff.channel)
    stack.cli("restore", "--start")

    assert staff.balance("ada") == "10.00"
    assert staff.ask("GET", "/transfers/t-2")[0] == 404
    assert staff.ask("PUT", "/transfers/t-2", lost)[0] == 201
    assert staff.balance("treasury") == "85.00"
    assert "right" in stack.cli("audit", "--channel", staff.channel)
    stack.cli("restore", "--forget")
