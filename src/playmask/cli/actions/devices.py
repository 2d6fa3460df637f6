"""Which devices a command runs on: said before anything is made."""

from typing import Any

from playmask.cli.actions.run_folder import defaults_of
from playmask.cli.options import Devices
from playmask.errors import ConfigError
from playmask.runtime.devices import distribute


def spread(options: dict[str, Any]) -> None:
    """Take the options of devices out of a command's, and spread what is made from now on."""
    named = {name: options.pop(name, None) for name in defaults_of(Devices)}
    changed = {name: value for name, value in named.items() if value is not None}
    if not changed:
        return
    devices = changed.pop("devices", "all")
    if devices != "all" and not devices.isdecimal():
        raise ConfigError(f"--devices is a number of them, or all, not {devices!r:.60}.")
    distribute("all" if devices == "all" else int(devices), **changed)
