"""What the reader of settings says of an environment that it refuses."""

import pytest

from config.settings.env import Environment, SettingError


def problem_of(environment: Environment) -> str:
    with pytest.raises(SettingError) as stopped:
        environment.check()
    return str(stopped.value)
