"""docs/examples/cloudfront.yaml: CloudFormation accepts it; its function chooses as nginx does."""

import json
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import pytest
from cfnlint.api import ManualArgs, lint
from cfnlint.decode import decode_str

from cli.local import PROJECT
from tests.nginx.routing import LOYALTY, SHOP, requests
from tests.npm import NODE

EXAMPLE: Final = PROJECT / "docs" / "examples" / "cloudfront.yaml"
CHECKOUT: Final = "/orders/checkout/"
WHO: Final = {"loyalty": LOYALTY, "shop": SHOP}

RESOURCES: Final[Any] = decode_str(EXAMPLE.read_text())[0]["Resources"]
CODE: Final = str(RESOURCES["ChooseOrigin"]["Properties"]["FunctionCode"])
CONFIG: Final = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]
BEHAVIORS: Final = [
    *CONFIG["CacheBehaviors"],
    {**CONFIG["DefaultCacheBehavior"], "PathPattern": "*"},
]


def choose(events: list[dict[str, Any]], folder: Path) -> list[str]:
    """Run the function on events, with a stand-in of Amazon's module, and return the origins."""
    imported, line, rest = CODE.partition("import cf from 'cloudfront';")
    assert line
    assert not imported
    script = folder / "choose.mjs"
    script.write_text(
        "let chosen;\n"
        "const cf = { selectRequestOriginById: (id) => { chosen = id; } };\n"
        f"{rest}\n"
        f"const origins = {json.dumps(events)}.map((event) => {{\n"
        "  chosen = 'shop';\n"
        "  if (handler(event) !== event.request) throw new Error('another request');\n"
        "  return chosen;\n"
        "});\n"
        "console.log(JSON.stringify(origins));\n"
    )
    done = subprocess.run([NODE, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    origins: list[str] = json.loads(done.stdout)
    return origins


def event_of(target: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {"request": {"uri": path, "querystring": {k: {"value": v} for k, _, v in pairs}}}


def behavior_of(path: str) -> Any:
    return next(each for each in BEHAVIORS if fnmatchcase(path, str(each["PathPattern"])))


def test_cloudformation_accepts_it() -> None:
    # CloudFront is no service of a region; its functions are not to be had in China.
    findings = lint(EXAMPLE.read_text(), config=ManualArgs(regions=["us-east-1"]))
    assert [str(finding) for finding in findings if finding.rule.severity != "informational"] == []


def test_every_documented_request_lands_at_the_right_one(tmp_path: Path) -> None:
    targets = [target for target, _ in requests()]
    by_page = dict(zip(targets, choose([event_of(t) for t in targets], tmp_path), strict=True))
    for target, who in requests():
        behavior = behavior_of(target.partition("?")[0])
        asked = "FunctionAssociations" in behavior
        assert WHO[by_page[target] if asked else behavior["TargetOriginId"]] == who, target


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        (CHECKOUT + "?page=", "loyalty"),
        (CHECKOUT + "?other=1", "loyalty"),
        (CHECKOUT + "?page=CreditCardThreeDSecurePage", "shop"),
        (CHECKOUT + "?page=constructor", "shop"),
    ],
)
def test_other_pages_are_chosen_too(tmp_path: Path, target: str, origin: str) -> None:
    assert choose([event_of(target)], tmp_path) == [origin]


def test_nothing_is_cached_and_nothing_is_held_back() -> None:
    caching = {str(each["CachePolicyId"]) for each in BEHAVIORS}
    forwarding = {str(each["OriginRequestPolicyId"]) for each in BEHAVIORS}
    assert caching == {"4135ea2d-6df8-44a3-9df3-4b5a84be39ad"}
    assert forwarding == {"b689b0a8-53d0-40ab-baf2-68738e2966ac"}


def test_the_function_chooses_among_the_origins_that_there_are() -> None:
    origins = {str(origin["Id"]) for origin in CONFIG["Origins"]}
    assert set(re.findall(r"selectRequestOriginById\('(\w+)'\)", CODE)) <= origins
    assert origins == set(WHO)
    assert len(CODE.encode()) <= 10 * 1024
