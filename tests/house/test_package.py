"""What goes to AWS: the zip, the template and the rights of the functions."""

import inspect
import json
import subprocess
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_all

from chalicelib.config import Config
from chalicelib.http import MESSAGE_LIFE_S, MESSAGES_AT_ONCE, QUEUE_PLACE
from chalicelib.routes.schedule import LIFE_S
from chalicelib.store.tables import PUT_ONCE, definitions
from cli.local import PROJECT, chalice_settings
from cli.template import POLICY, function_policy, merge_template
from cli.worker import DELIVERIES
from tests.house.service import run_cli

Json = dict[str, Any]

SHIPPED = {
    "annotated_types",
    "botocore",
    "cffi",
    "chalice",
    "chalicelib",
    "cryptography",
    "dateutil",
    "jmespath",
    "jwt",
    "pycparser",
    "pydantic",
    "pydantic_core",
    "pynamodb",
    "typing_inspection",
    "urllib3",
}
TIMEOUTS = {"APIHandler": 29, "Distribute": 60, "EndPayments": 60}
"""The functions of the stack, and how many seconds each may take."""
LOOSE = {"app.py", "six.py", "typing_extensions.py"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "dev"
    done = subprocess.run(
        ["make", "package", "STAGE=dev", f"BUILD={folder}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def rendered(built: Path) -> Json:
    template: Json = json.loads((built / "sam.json").read_text())
    return template


@pytest.mark.timeout(300)
def test_the_zip_holds_the_code_and_its_dependencies_alone(built: Path) -> None:
    with zipfile.ZipFile(built / "deployment.zip") as archive:
        names = archive.namelist()
    folders = {name.partition("/")[0] for name in names if "/" in name}
    folders = {name for name in folders if not name.endswith((".dist-info", ".data"))}
    assert folders == SHIPPED
    loose = {name for name in names if "/" not in name and not name.endswith(".so")}
    assert loose == LOOSE
    assert not [name for name in names if name.endswith(".pyc") or "/." in name]


@pytest.mark.timeout(300)
def test_every_module_of_the_service_is_in_the_zip(built: Path) -> None:
    with zipfile.ZipFile(built / "deployment.zip") as archive:
        zipped = {name for name in archive.namelist() if name.startswith("chalicelib/")}
    code = {str(p.relative_to(PROJECT)) for p in (PROJECT / "chalicelib").rglob("*.py")}
    assert code <= zipped


@pytest.mark.timeout(300)
def test_the_demo_page_and_its_routes_stay_at_home(built: Path, rendered: Json) -> None:
    with zipfile.ZipFile(built / "deployment.zip") as archive:
        assert not [name for name in archive.namelist() if name.startswith("chalicelib/demo/")]
    template = json.dumps(rendered)
    for path in ("/demo", "/users/login", "/current_user", "/csrf_token"):
        assert path not in template


@pytest.mark.timeout(300)
def test_the_console_is_in_the_zip_as_it_was_built(built: Path, rendered: Json) -> None:
    folder = PROJECT / "chalicelib" / "console"
    with zipfile.ZipFile(built / "deployment.zip") as archive:
        zipped = {n: archive.read(n) for n in archive.namelist() if "/console/" in n}
    assert zipped == {
        f"chalicelib/console/{file.name}": file.read_bytes() for file in folder.iterdir()
    }
    assert "chalicelib/console/index.html" in zipped
    paths = rendered["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    assert {"/console", "/console/config.json", "/console/{asset}"} <= paths.keys()


@pytest.mark.timeout(300)
def test_the_gateway_compresses_what_is_worth_it(rendered: Json) -> None:
    assert rendered["Resources"]["RestAPI"]["Properties"]["MinimumCompressionSize"] == 1024


@pytest.mark.timeout(300)
def test_cloudformation_accepts_the_rendered_template(built: Path) -> None:
    findings = lint_all((built / "sam.json").read_text())
    assert [str(finding) for finding in findings if finding.rule.severity != "informational"] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TIMEOUTS)
def test_each_function_gets_its_policy_and_its_variables(rendered: Json, name: str) -> None:
    resources = rendered["Resources"]
    function = resources[name]["Properties"]
    role = function["Role"]["Fn::GetAtt"][0]
    (attached,) = resources[role]["Properties"]["Policies"]
    assert attached["PolicyDocument"] == function_policy()
    variables = function["Environment"]["Variables"]
    deployed = {field.upper() for field in Config.model_fields} - {"DYNAMODB_ENDPOINT"}
    assert variables.keys() == deployed
    assert variables["STAGE"] == "dev"
    assert variables["SIGNING_KEYS"] == {"Ref": "SigningKeys"}
    assert function["Architectures"] == ["arm64"]
    assert function["Timeout"] == TIMEOUTS[name]


@pytest.mark.timeout(300)
def test_the_functions_differ_in_nothing_else(rendered: Json) -> None:
    functions = [r for r in rendered["Resources"].values() if r["Type"].endswith("::Function")]
    assert len(functions) == len(TIMEOUTS)
    own = {"Handler", "Timeout", "Role", "Events"}
    alike = [
        {key: value for key, value in function["Properties"].items() if key not in own}
        for function in functions
    ]
    assert all(each == alike[0] for each in alike)


@pytest.mark.timeout(300)
def test_the_log_group_of_each_function_is_its_own_and_ends(rendered: Json) -> None:
    groups = [
        resource["Properties"]
        for resource in rendered["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    ]
    names = [group["LogGroupName"] for group in groups]
    assert names == [{"Fn::Sub": f"/aws/lambda/${{{name}}}"} for name in sorted(TIMEOUTS)[::-1]]
    assert {group["RetentionInDays"] for group in groups} == {90}


@pytest.mark.timeout(300)
def test_payments_are_looked_at_each_minute(rendered: Json) -> None:
    function = rendered["Resources"]["EndPayments"]["Properties"]
    (event,) = function["Events"].values()
    assert (event["Type"], event["Properties"]) == ("Schedule", {"Schedule": "rate(1 minute)"})
    assert LIFE_S < function["Timeout"] <= 60


@pytest.mark.timeout(300)
def test_chunks_are_worked_on_as_the_queue_brings_them(rendered: Json) -> None:
    function = rendered["Resources"]["Distribute"]["Properties"]
    (event,) = function["Events"].values()
    assert (event["Type"], event["Properties"]) == (
        "SQS",
        {
            "Queue": {"Fn::GetAtt": ["DistributionQueue", "Arn"]},
            "BatchSize": MESSAGES_AT_ONCE,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": 10},
        },
    )
    assert QUEUE_PLACE not in json.dumps(rendered)
    assert function["Timeout"] > MESSAGE_LIFE_S


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TIMEOUTS)
def test_every_function_sends_to_the_queue_that_starts_one(rendered: Json, name: str) -> None:
    variables = rendered["Resources"][name]["Properties"]["Environment"]["Variables"]
    assert variables["DISTRIBUTION_QUEUE"] == {"Ref": "DistributionQueue"}


@pytest.mark.timeout(300)
def test_a_chunk_that_fails_each_time_is_kept_for_a_person_to_see(rendered: Json) -> None:
    resources = rendered["Resources"]
    queues = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::SQS::Queue"}
    kept = {"MessageRetentionPeriod": 14 * 24 * 60 * 60, "SqsManagedSseEnabled": True}
    assert queues == {
        "DistributionQueue": {
            **kept,
            "VisibilityTimeout": 6 * TIMEOUTS["Distribute"],
            "RedrivePolicy": {
                "deadLetterTargetArn": {"Fn::GetAtt": ["DistributionDeadLetters", "Arn"]},
                "maxReceiveCount": DELIVERIES,
            },
        },
        "DistributionDeadLetters": kept,
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TIMEOUTS)
def test_each_function_begins_in_the_module_that_checks_the_environment_and_starts_the_log(
    rendered: Json, name: str
) -> None:
    """AWS calls what the template names, with an event and a context, and imports no more."""
    handler = rendered["Resources"][name]["Properties"]["Handler"]
    module, _, entry = handler.rpartition(".")
    assert module == "app"
    found = getattr(import_module(module), entry)
    inspect.signature(found).bind({}, None)


def test_secrets_are_parameters_without_echo() -> None:
    parameters = merge_template("prod")["Parameters"]
    assert parameters["SigningKeys"]["NoEcho"]
    assert parameters["StaffKeys"]["NoEcho"]
    assert parameters["GatewayKeys"]["NoEcho"]
    assert "KEYS" not in json.dumps(chalice_settings())


def test_the_address_and_the_keys_of_a_payment_service_are_given_together() -> None:
    template = merge_template("prod")
    (rule,) = template["Rules"]["GatewayIsWhole"]["Assertions"]
    whole, neither = rule["Assert"]["Fn::Or"]
    for both in (whole, neither):
        assert "GatewayUrl" in json.dumps(both)
        assert "GatewayKeys" in json.dumps(both)
    assert template["Parameters"]["GatewayUrl"]["AllowedPattern"] == "(https:.*)?"


def test_what_the_console_is_not_given_is_left_out() -> None:
    variables = merge_template("prod")["Resources"]["APIHandler"]["Properties"]["Environment"]
    for name, parameter in (
        ("CONSOLE_CLIENT_ID", "ConsoleClientId"),
        ("CONSOLE_ORIGINS", "ConsoleOrigins"),
    ):
        condition, value, otherwise = variables["Variables"][name]["Fn::If"]
        assert merge_template("prod")["Conditions"][condition] == {
            "Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]
        }
        assert (value, otherwise) == ({"Ref": parameter}, {"Ref": "AWS::NoValue"})


def test_a_console_s_client_is_given_with_a_provider() -> None:
    """CloudFormation refuses the stack then, and not the function its first start."""
    (rule,) = merge_template("prod")["Rules"]["ConsoleCanSignIn"]["Assertions"]
    without, provider = rule["Assert"]["Fn::Or"]
    assert "ConsoleClientId" in json.dumps(without)
    assert "OidcIssuer" in json.dumps(provider)


def test_every_table_is_in_the_template_and_outlives_the_stack() -> None:
    resources = merge_template("prod")["Resources"]
    tables = [r for r in resources.values() if r.get("Type") == "AWS::DynamoDB::Table"]
    wanted = {d["TableName"] for d in definitions("loyalty-money-prod-")}
    assert {table["Properties"]["TableName"] for table in tables} == wanted
    assert {table["DeletionPolicy"] for table in tables} == {"Retain"}
    assert all(table["Properties"]["DeletionProtectionEnabled"] for table in tables)


def test_the_checked_in_policy_is_that_of_the_tables() -> None:
    assert json.loads(POLICY.read_text()) == function_policy(), "make openapi writes it anew"


def test_rows_of_put_once_tables_cannot_be_changed_by_the_function() -> None:
    once = {"".join(w.capitalize() for w in noun.split("_")) + "Table" for noun in PUT_ONCE}
    for statement in function_policy()["Statement"]:
        if {"dynamodb:UpdateItem", "dynamodb:DeleteItem"} & set(statement["Action"]):
            reached = {resource["Fn::GetAtt"][0] for resource in statement["Resource"]}
            assert not reached & once
        assert not any("*" in action for action in statement["Action"])


def test_the_functions_reach_their_own_queue_and_no_other() -> None:
    statements = function_policy()["Statement"]
    (queue,) = [s for s in statements if any(a.startswith("sqs:") for a in s["Action"])]
    assert queue["Resource"] == [{"Fn::GetAtt": ["DistributionQueue", "Arn"]}]
    assert {action.removeprefix("sqs:") for action in queue["Action"]} == {
        "DeleteMessage",
        "GetQueueAttributes",
        "ReceiveMessage",
        "SendMessage",
    }


def test_the_lists_of_distributions_can_be_read_whole_and_old_ones_deleted() -> None:
    rights = {s["Sid"]: s["Resource"] for s in function_policy()["Statement"]}
    table = {"Fn::GetAtt": ["DistributionsTable", "Arn"]}
    assert all(table in rights[sid] for sid in ("ReadAndPut", "ReadRanges", "End"))
    assert {"Fn::Sub": "${DistributionsTable.Arn}/index/*"} in rights["ReadIndexes"]


def test_stages_differ_only_in_their_variables() -> None:
    stages = chalice_settings()["stages"]
    assert set(stages) == {"local", "dev", "prod"}
    for name, stage in stages.items():
        assert set(stage) - {"lambda_functions"} == {"environment_variables"}
        assert stage["environment_variables"]["STAGE"] == name
        assert stage["environment_variables"]["TABLE_PREFIX"] == f"loyalty-money-{name}-"
    functions = {
        "distribute": {"lambda_timeout": TIMEOUTS["Distribute"]},
        "end_payments": {"lambda_timeout": TIMEOUTS["EndPayments"]},
    }
    assert stages["dev"]["lambda_functions"] == stages["prod"]["lambda_functions"] == functions
    assert chalice_settings()["autogen_policy"] is False


def test_the_local_stage_cannot_be_deployed(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "template", "--stage", "local", "merge.json")
    assert done.returncode == 1
    assert "choose dev or prod" in done.stderr
    assert not (tmp_path / "merge.json").exists()
