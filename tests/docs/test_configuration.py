"""docs/configuration.md describes every stage, variable, setting, command and target."""

import json
import re

import pytest
from pydantic import BaseModel
from typer.main import get_command

from chalicelib.config import Config
from chalicelib.core.settings import (
    CATALOGUE,
    BankAccount,
    Installment,
    PaymentOption,
    Setting,
    to_json,
)
from cli.__main__ import ALONE, BESIDE, app
from cli.local import PROJECT, chalice_settings
from cli.template import merge_template
from tests.docs.documents import document, headings, name, names, section, table

CONFIGURATION = document("configuration.md")
COMMANDS = {
    command.__name__.replace("_", "-"): command.__name__ in {c.__name__ for c in ALONE}
    for command in (*ALONE, *BESIDE)
}


def test_the_stages_are_those_of_chalice() -> None:
    rows = table(section(CONFIGURATION, "Stages"), "stage")
    assert {name(stage) for stage, *_ in rows} == chalice_settings()["stages"].keys()


def test_the_variables_are_those_that_are_read() -> None:
    rows = table(section(CONFIGURATION, "Variables"), "variable", "needed")
    described = {name(variable).lower(): needed == "yes" for variable, needed, _ in rows}
    assert described == {field: i.is_required() for field, i in Config.model_fields.items()}


def test_the_parameters_of_the_stack_are_named() -> None:
    described = names(section(document("deploy.md"), "Stages and parameters"))
    assert merge_template("prod")["Parameters"].keys() <= set(described)


def test_the_settings_are_those_of_the_catalogue() -> None:
    described = headings(section(CONFIGURATION, "Settings"), 3)
    assert described == [f"`{setting}`" for setting in CATALOGUE]


@pytest.mark.parametrize("setting", CATALOGUE.values(), ids=lambda setting: setting.name)
def test_a_setting_says_its_default(setting: Setting) -> None:
    text = section(CONFIGURATION, f"`{setting.name}`")
    said = re.search(r"^Default: (.+)$", text, re.MULTILINE)
    assert said is not None
    if setting.default is None:
        assert "channel was made with" in said[1]
        return
    default = json.loads(name(said[1]))
    assert default == json.loads(to_json(setting, setting.default))


@pytest.mark.parametrize(
    ("setting", "model"),
    [
        ("PAYMENT_OPTIONS", PaymentOption),
        ("INSTALLMENTS", Installment),
        ("BANK_ACCOUNTS", BankAccount),
    ],
)
def test_a_setting_of_objects_describes_each_field(setting: str, model: type[BaseModel]) -> None:
    rows = table(section(CONFIGURATION, f"`{setting}`"), "field")
    assert [name(field) for field, _ in rows] == list(model.model_fields)


def test_the_commands_are_those_that_there_are() -> None:
    described = headings(section(CONFIGURATION, "Commands"), 3)
    assert sorted(described) == sorted(f"`{command}`" for command in COMMANDS)


def test_commands_stand_under_what_they_need() -> None:
    alone, _, beside = section(CONFIGURATION, "Commands").partition("Commands that work on")
    for command, needs_nothing in COMMANDS.items():
        assert f"### `{command}`\n" in (alone if needs_nothing else beside)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_describes_its_options(command: str) -> None:
    text = section(CONFIGURATION, f"`{command}`")
    described = {name(option) for option, _ in table(text, "option")} if "| option" in text else ()
    group = get_command(app)
    context = group.make_context("cli", [command], resilient_parsing=True)
    parameters = group.get_command(context, command).params  # type: ignore[attr-defined]  # a group
    options = {option for p in parameters for option in p.opts if option.startswith("--")}
    assert set(described) == options - {"--help"}
    arguments = [p.name for p in parameters if p.param_type_name == "argument"]
    assert all(f"`{argument.upper()}`" in text for argument in arguments)


def test_the_targets_of_make_are_named() -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert set(targets) <= {"help", *names(section(CONFIGURATION, "Make"))}
