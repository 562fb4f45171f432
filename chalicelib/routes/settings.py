"""Doors to channels and their settings."""

from typing import Any

from chalicelib import registry
from chalicelib.core.errors import ChannelExists, UnknownChannel, UnknownSetting
from chalicelib.core.settings import Currency
from chalicelib.http import Answer, Body, Request, Routes, Shown, example
from chalicelib.registry import SettingValue
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)


class ChannelBody(Body):
    """What a channel is made with."""

    model_config = example({"default_currency": "TRY"})

    default_currency: Currency


class ChannelShown(Shown):
    """A sales channel."""

    channel: str
    default_currency: str
    created_at: Time


class SettingBody(Body):
    """A new value; its shape depends on the setting."""

    model_config = example({"value": True})

    value: Any


class SettingShown(Shown):
    """A setting, its value, and when it was set; null while it has its default."""

    name: str
    value: Any
    updated_at: Time | None


class SettingsShown(Shown):
    """The whole catalogue; it never has a second page."""

    items: list[SettingShown]
    next_cursor: None = None


@routes.route(
    "PUT",
    "/channels/{channel}",
    access="owner",
    body=ChannelBody,
    answers={201: ChannelShown, 200: ChannelShown},
    refusals=(ChannelExists,),
)
def make_channel(request: Request, body: ChannelBody) -> Answer:
    """Make a sales channel."""
    settled = registry.make_channel(request.call, request.path["channel"], body.default_currency)
    channel = settled.answer
    shown = ChannelShown(
        channel=channel.name,
        default_currency=channel.default_currency,
        created_at=time_of(channel.created_ms),
    )
    return Answer(shown, 201 if settled.written else 200)


@routes.route(
    "GET",
    "/channels/{channel}/settings",
    access="read",
    answers={200: SettingsShown},
    refusals=(UnknownChannel,),
)
def list_settings(request: Request) -> Answer:
    """List every setting of a channel."""
    settings = registry.read_settings(request.call, request.path["channel"])
    return Answer(SettingsShown(items=[_shown(setting) for setting in settings]))


@routes.route(
    "GET",
    "/channels/{channel}/settings/{name}",
    access="read",
    answers={200: SettingShown},
    refusals=(UnknownChannel, UnknownSetting),
)
def read_setting(request: Request) -> Answer:
    """Read one setting by its name."""
    path = request.path
    return Answer(_shown(registry.read_setting(request.call, path["channel"], path["name"])))


@routes.route(
    "PUT",
    "/channels/{channel}/settings/{name}",
    access="settings",
    body=SettingBody,
    answers={200: SettingShown},
    refusals=(UnknownChannel, UnknownSetting),
)
def set_setting(request: Request, body: SettingBody) -> Answer:
    """Set one setting."""
    path = request.path
    setting = registry.set_setting(request.call, path["channel"], path["name"], body.value)
    return Answer(_shown(setting))


def _shown(setting: SettingValue) -> SettingShown:
    updated_at = None if setting.at_ms is None else time_of(setting.at_ms)
    return SettingShown(name=setting.setting.name, value=setting.value, updated_at=updated_at)
