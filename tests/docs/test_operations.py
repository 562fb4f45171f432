"""docs/operations.md describes every metric, and what to do about every alarm."""

import pytest

from chalicelib.metrics import METRICS
from cli.alarms import ALARMS, watching
from tests.docs.documents import document, headings, name, section, table

OPERATIONS = document("operations.md")


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_is_sent_and_names_its_runbook(alarm: str) -> None:
    found = watching("prod")[f"{alarm}Alarm"]["Properties"]
    assert found["AlarmActions"] == found["OKActions"] == [{"Ref": "Alarms"}]
    says = f"{ALARMS[alarm].says} What to do: docs/operations.md#{alarm.lower()}"
    assert found["AlarmDescription"] == says
    assert section(OPERATIONS, f"`{alarm}`")


def test_every_runbook_is_that_of_an_alarm() -> None:
    titles = headings(section(OPERATIONS, "Alarms"), 3)
    assert {name(title) for title in titles} == {*ALARMS}


def test_every_metric_is_described() -> None:
    described = {name(metric) for metric, _ in table(section(OPERATIONS, "Metrics"), "metric")}
    assert described == {each.name for metrics in METRICS.values() for each in metrics}
