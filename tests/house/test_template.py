"""What CloudFormation is told: functions, tables, queues, secrets, parameters, and the rights."""

import inspect
import json
import re
import tomllib
from importlib import import_module

import pytest
from cfnlint.api import lint_all

from chalicelib.config import Config
from chalicelib.http import MESSAGE_LIFE_S, MESSAGES_AT_ONCE, QUEUE_PLACE
from chalicelib.routes.schedule import LIFE_S
from chalicelib.store.tables import PUT_ONCE, definitions
from cli.deployed import stack_name
from cli.local import PROJECT, chalice_settings, deployed_stage
from cli.rights import NAMES, RIGHTS, function_policy, policy_files, resource_of
from cli.template import GATEWAY_ANSWERS, merge_template
from cli.worker import DELIVERIES
from tests.house.packaged import stages, template

TIMEOUTS = {"APIHandler": 29, "Distribute": 60, "EndPayments": 60, "Publish": 60, "AuditBooks": 900}
"""The functions of the stack, and how many seconds each may take."""

pytestmark = pytest.mark.timeout(300)


def test_the_gateway_compresses_what_is_worth_it() -> None:
    assert template("dev")["Resources"]["RestAPI"]["Properties"]["MinimumCompressionSize"] == 1024


@pytest.mark.parametrize("stage", stages())
def test_cloudformation_accepts_the_template(stage: str) -> None:
    findings = lint_all(json.dumps(template(stage)))
    serious = [finding for finding in findings if finding.rule.severity != "informational"]
    # Some regions of AWS have no webhooks; docs/deploy.md says so.
    unknown = re.compile("'AWS::Events::(ApiDestination|Connection)' does not exist in")
    assert [str(each) for each in serious if not unknown.search(each.message)] == []


@pytest.mark.parametrize("name", TIMEOUTS)
def test_each_function_gets_its_policy_and_its_variables(name: str) -> None:
    resources = template("dev")["Resources"]
    function = resources[name]["Properties"]
    role = function["Role"]["Fn::GetAtt"][0]
    (attached,) = resources[role]["Properties"]["Policies"]
    assert attached["PolicyDocument"] == function_policy(name)
    variables = function["Environment"]["Variables"]
    deployed = {field.upper() for field in Config.model_fields} - {"DYNAMODB_ENDPOINT"}
    assert variables.keys() == deployed | {"PYDANTIC_DISABLE_PLUGINS"}
    assert variables["STAGE"] == "dev"
    assert variables["SIGNING_KEYS"] == {"Fn::GetAtt": ["SigningKeys", "Id"]}
    assert function["Architectures"] == ["arm64"]
    assert function["Runtime"] == "python3.14"
    assert function["MemorySize"] == 1024
    assert function["Timeout"] == TIMEOUTS[name]


def test_the_functions_differ_in_nothing_else() -> None:
    functions = [
        r for r in template("dev")["Resources"].values() if r["Type"].endswith("::Function")
    ]
    assert len(functions) == len(TIMEOUTS)
    own = {"EphemeralStorage", "Handler", "Timeout", "Role", "Events", "LoggingConfig"}
    alike = [
        {key: value for key, value in function["Properties"].items() if key not in own}
        for function in functions
    ]
    assert all(each == alike[0] for each in alike)


@pytest.mark.parametrize("name", TIMEOUTS)
def test_each_function_writes_to_a_log_of_its_own_that_ends(name: str) -> None:
    resources = template("dev")["Resources"]
    group = resources[name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    found = resources[group]["Properties"]
    assert found["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{name}"}
    assert found["RetentionInDays"] == 90
    (log,) = [s for s in function_policy(name)["Statement"] if s["Sid"] == "Log"]
    assert log["Resource"] == [{"Fn::GetAtt": [group, "Arn"]}]


def test_payments_are_looked_at_each_minute() -> None:
    function = template("dev")["Resources"]["EndPayments"]["Properties"]
    (event,) = function["Events"].values()
    assert (event["Type"], event["Properties"]) == ("Schedule", {"Schedule": "rate(1 minute)"})
    assert LIFE_S < function["Timeout"] <= 60


def test_the_books_are_audited_each_night_with_room_for_what_was_seen() -> None:
    function = template("dev")["Resources"]["AuditBooks"]["Properties"]
    (event,) = function["Events"].values()
    assert event == {"Type": "Schedule", "Properties": {"Schedule": "cron(0 3 * * ? *)"}}
    assert function["EphemeralStorage"] == {"Size": 10_240}


def test_chunks_are_worked_on_as_the_queue_brings_them() -> None:
    function = template("dev")["Resources"]["Distribute"]["Properties"]
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
    assert QUEUE_PLACE not in json.dumps(template("dev"))
    assert function["Timeout"] > MESSAGE_LIFE_S


@pytest.mark.parametrize("name", TIMEOUTS)
def test_every_function_sends_to_the_queue_that_starts_one(name: str) -> None:
    variables = template("dev")["Resources"][name]["Properties"]["Environment"]["Variables"]
    assert variables["DISTRIBUTION_QUEUE"] == {"Ref": "DistributionQueue"}


def test_a_chunk_that_fails_each_time_is_kept_for_a_person_to_see() -> None:
    resources = template("dev")["Resources"]
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
        "EventDeadLetters": kept,
    }


@pytest.mark.parametrize("name", TIMEOUTS)
def test_each_function_begins_in_the_module_that_checks_the_environment_and_starts_the_log(
    name: str,
) -> None:
    """AWS calls what the template names, with an event and a context, and imports no more."""
    handler = template("dev")["Resources"][name]["Properties"]["Handler"]
    module, _, entry = handler.rpartition(".")
    assert module == "app"
    found = getattr(import_module(module), entry)
    inspect.signature(found).bind({}, None)


@pytest.mark.parametrize("stage", stages())
def test_no_key_stands_anywhere_and_aws_makes_each(stage: str) -> None:
    """Changing what is under GenerateSecretString would have AWS replace keys that are in use."""
    secrets = {
        name: resource
        for name, resource in template(stage)["Resources"].items()
        if resource["Type"] == "AWS::SecretsManager::Secret"
    }
    made = {"PasswordLength": 64, "ExcludeCharacters": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}
    assert {n: s.get("Condition") for n, s in secrets.items()} == {
        "SigningKeys": None,
        "StaffKeys": "HasStaffKeys",
        "GatewayKeys": "HasGateway",
        "WebhookKey": "HasWebhook",
    }
    for secret in secrets.values():
        assert secret["Properties"].keys() == {"Description", "GenerateSecretString"}
        assert secret["Properties"]["GenerateSecretString"] == made
    assert not [n for n in template(stage)["Parameters"] if n.endswith("Keys")][1:]
    assert template(stage)["Parameters"]["SharedStaffKeys"]["AllowedValues"] == ["no", "yes"]
    assert "KEYS" not in json.dumps(chalice_settings())


def test_a_payment_service_is_asked_over_tls_with_keys_of_its_own() -> None:
    whole = merge_template("prod")
    assert whole["Parameters"]["GatewayUrl"]["AllowedPattern"] == "(https:.*)?"
    assert whole["Conditions"]["HasGateway"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "GatewayUrl"}, ""]}]
    }
    variables = whole["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    for name in ("GATEWAY_URL", "GATEWAY_KEYS"):
        assert variables[name]["Fn::If"][0] == "HasGateway"


def test_staff_can_sign_in_or_the_stack_is_refused() -> None:
    (rule,) = merge_template("prod")["Rules"]["StaffCanSignIn"]["Assertions"]
    shared, oidc = rule["Assert"]["Fn::Or"]
    assert shared == {"Fn::Equals": [{"Ref": "SharedStaffKeys"}, "yes"]}
    assert json.dumps(oidc).count("Oidc") == 3


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


@pytest.mark.parametrize("stage", stages())
def test_every_table_is_in_the_template(stage: str) -> None:
    """No table lets rows expire: nothing in a ledger may vanish by itself."""
    tables = [r for r in template(stage)["Resources"].values() if r["Type"].endswith("::Table")]
    wanted = {d["TableName"] for d in definitions(f"loyalty-money-{stage}-")}
    assert {table["Properties"]["TableName"] for table in tables} == wanted
    for table in tables:
        found = table["Properties"]
        assert found["BillingMode"] == "PAY_PER_REQUEST"
        assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert "TimeToLiveSpecification" not in found
        assert "SSESpecification" not in found, "encrypted with a key of AWS's own, by default"


@pytest.mark.parametrize("stage", stages())
def test_the_tables_of_prod_outlive_their_stack(stage: str) -> None:
    tables = [r for r in template(stage)["Resources"].values() if r["Type"].endswith("::Table")]
    fate = {"dev": ("Delete", False), "prod": ("Retain", True)}[stage]
    for table in tables:
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == fate[0]
        assert table["Properties"]["DeletionProtectionEnabled"] == fate[1]


def test_what_api_gateway_says_itself_is_a_problem_like_ours() -> None:
    body = template("dev")["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    answers = body["x-amazon-apigateway-gateway-responses"]
    assert answers.keys() == GATEWAY_ANSWERS.keys()
    for answer in answers.values():
        problem = json.loads(answer["responseTemplates"]["application/json"])
        assert problem.keys() == {"type", "title", "status", "code", "detail"}
        assert problem["status"] == answer["statusCode"]
        assert problem["type"] == f"urn:loyalty-money:problem:{problem['code']}"


def test_a_flood_ends_at_api_gateway() -> None:
    (limit,) = template("prod")["Resources"]["RestAPI"]["Properties"]["MethodSettings"]
    parameters = template("prod")["Parameters"]
    assert (limit["HttpMethod"], limit["ResourcePath"]) == ("*", "/*")
    for name, wanted in (("ThrottlingRateLimit", 200), ("ThrottlingBurstLimit", 400)):
        assert parameters[limit[name]["Ref"]]["Default"] == wanted


def test_two_stages_of_an_account_are_told_apart() -> None:
    for stage in stages():
        resources = template(stage)["Resources"]
        api = resources["RestAPI"]["Properties"]["DefinitionBody"]["info"]["title"]
        assert api == stack_name(stage)
        dashboard = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
        assert len(dashboard["widgets"]) > 5
        other = next(each for each in stages() if each != stage)
        assert f'"{other}"' not in json.dumps(dashboard)


# --- rights ---------------------------------------------------------------------------------


def test_the_checked_in_policies_are_those_of_the_rights() -> None:
    for function, file in policy_files().items():
        assert json.loads(file.read_text()) == function_policy(function), "make format"
    kept = {file.name for file in (PROJECT / ".chalice").glob("policy*.json")}
    assert kept == {file.name for file in policy_files().values()}


@pytest.mark.parametrize("name", RIGHTS)
def test_a_policy_names_actions_and_places_and_no_wildcard(name: str) -> None:
    statements = function_policy(name)["Statement"]
    # Lambda lists the streams of a table, each of which has the time in its name.
    assert "*" not in json.dumps(statements).replace("Table.Arn}/stream/*", "")
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert statement["Action"]
        assert statement["Resource"]


@pytest.mark.parametrize("name", RIGHTS)
def test_rows_of_put_once_tables_cannot_be_changed(name: str) -> None:
    once = {resource_of(noun) for noun in PUT_ONCE}
    for statement in function_policy(name)["Statement"]:
        if {"dynamodb:UpdateItem", "dynamodb:DeleteItem"} & set(statement["Action"]):
            reached = {resource["Fn::GetAtt"][0] for resource in statement["Resource"]}
            assert not reached & once


def test_only_the_function_that_needs_a_key_reads_it() -> None:
    assert {name: rights.secrets for name, rights in RIGHTS.items()} == {
        "APIHandler": "GatewayKeys SigningKeys StaffKeys",
        "Distribute": "",
        "EndPayments": "GatewayKeys",
        "AuditBooks": "",
        "Publish": "",
    }
    (keys,) = [s for s in function_policy("EndPayments")["Statement"] if s["Sid"] == "Keys"]
    assert keys["Action"] == ["secretsmanager:GetSecretValue"]
    assert keys["Resource"] == [
        {
            "Fn::If": [
                "HasGateway",
                {"Fn::GetAtt": ["GatewayKeys", "Id"]},
                {"Ref": "AWS::NoValue"},
            ]
        }
    ]


# --- stages ---------------------------------------------------------------------------------


def test_stages_differ_only_in_their_variables() -> None:
    kept = chalice_settings()["stages"]
    assert set(kept) == {"local", "dev", "prod"}
    for name, stage in kept.items():
        assert set(stage) - {"lambda_functions"} == {"environment_variables"}
        assert stage["environment_variables"]["STAGE"] == name
        assert stage["environment_variables"]["TABLE_PREFIX"] == f"loyalty-money-{name}-"
    functions = {
        NAMES[name]: {"iam_policy_file": policy_files()[name].name}
        | ({"lambda_timeout": seconds} if name != "APIHandler" else {})
        for name, seconds in TIMEOUTS.items()
    }
    assert kept["dev"]["lambda_functions"] == kept["prod"]["lambda_functions"] == functions
    assert chalice_settings()["lambda_timeout"] == TIMEOUTS["APIHandler"]
    assert chalice_settings()["autogen_policy"] is False


def test_each_stage_names_its_python_and_its_machine() -> None:
    for stage in stages():
        settings = deployed_stage(stage)
        assert re.fullmatch(r"3\.1[0-9]", settings["lambda_python"])
        assert settings["lambda_architecture"] == "arm64"


def test_each_stage_has_its_stack_and_no_secret_in_its_file() -> None:
    text = (PROJECT / ".chalice" / "samconfig.toml").read_text()
    kept = tomllib.loads(text)
    assert {name for name in kept if name != "version"} == {*stages()}
    for stage in stages():
        options = kept[stage]["deploy"]["parameters"]
        assert options["stack_name"] == stack_name(stage)
        given = {each.partition("=")[0] for each in options["parameter_overrides"]}
        assert given <= merge_template(stage)["Parameters"].keys()
