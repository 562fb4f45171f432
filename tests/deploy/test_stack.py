"""What AWS is told: that it enforces the rights, that it may be told again, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.deploy.stack import PYTHON, Deployed, account
from tests.house.staff import Staff

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_what_is_deployed_already_changes_nothing(stack: Deployed) -> None:
    """The package is the same to the byte, so that CloudFormation finds nothing to do."""
    before = stack.client("lambda").get_function_configuration(
        FunctionName=stack.physical("APIHandler")
    )
    parameters = stack.client("cloudformation").describe_stacks(StackName=stack.name)
    given = [
        f"{each['ParameterKey']}={each['ParameterValue']}"
        for each in parameters["Stacks"][0]["Parameters"]
        if each["ParameterValue"]
    ]
    assert "No changes to deploy" in stack.deploy(*given)
    after = stack.client("lambda").get_function_configuration(
        FunctionName=stack.physical("APIHandler")
    )
    assert before["CodeSha256"] == after["CodeSha256"]
    assert before["LastModified"] == after["LastModified"]


def test_a_right_that_is_taken_away_is_missed(stack: Deployed) -> None:
    """Otherwise it would prove nothing that the functions of this stack do their work."""
    staff = Staff(stack)
    staff.open_account("ada", "1.00")
    iam, role = stack.client("iam"), stack.physical("ApiHandlerRole")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    (name,) = (each for each in names if each != "ministack")
    whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    less = {**whole, "Statement": [s for s in whole["Statement"] if s["Sid"] != "TablesQuery"]}
    path = "/accounts/ada/TRY/activities"
    assert staff.ask("GET", path)[0] == 200
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    try:
        assert staff.ask("GET", path)[0] == 500
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(whole))
    assert staff.ask("GET", path)[0] == 200


def test_a_removed_stage_takes_its_tables_along_but_for_those_of_prod(tmp_path: Path) -> None:
    with account(tmp_path) as engine:
        stages = [Deployed(engine, tmp_path, stage) for stage in ("dev", "prod")]
        for stage in stages:
            stage.deploy("SharedStaffKeys=yes")
            Staff(stage).open_account("ada", "1.00")
        tables = stages[0].client("dynamodb")
        both = tables.list_tables()["TableNames"]
        kept = [name for name in both if name.startswith("loyalty-money-prod-")]
        assert len(both) == 2 * len(kept)
        for stage in stages:
            sam = str(PYTHON.with_name("sam"))
            stage.run(sam, "delete", "--stack-name", stage.name, "--no-prompts")
        assert tables.list_tables()["TableNames"] == kept
        described = tables.describe_table(TableName="loyalty-money-prod-accounts")["Table"]
        assert described["DeletionProtectionEnabled"]
        assert described["ItemCount"] == 1
