"""Settings of an experiment, from a TOML file and the command line."""

from __future__ import annotations

import os
import tomllib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from stbir.corrupt import MAX_SEVERITY
from stbir.errors import ConfigError
from stbir.evaluate.intervals import NUM_RESAMPLES
from stbir.files import read_regular_file

MAX_CONFIG_BYTES = 1_000_000


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(_Settings):
    """One data set of an experiment.

    Attributes:
        name: Folder, zip, or name of a known data set.
        protocol: Protocol.
        split: Splits that are asked.
        distractors: Splits that are only searched.
    """

    name: str
    protocol: str = "open"
    split: tuple[str, ...] = ("test",)
    distractors: tuple[str, ...] = ("gallery",)

    @field_validator("split", "distractors", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return tuple(filter(None, value.split("+"))) if isinstance(value, str) else value

    @classmethod
    def parse(cls, text: str) -> DataSettings:
        """Read the command line's form.

        Args:
            text: `NAME[,protocol=P][,split=A+B][,distractors=C+D]`.

        Returns:
            The settings.

        Raises:
            ConfigError: Not this form.

        >>> DataSettings.parse("chairv2-sketches,split=train+val+test").split
        ('train', 'val', 'test')
        """
        name, *pairs = text.split(",")
        given: dict[str, Any] = {"name": name.strip()}
        for pair in pairs:
            key, separator, value = pair.partition("=")
            key = key.strip()
            if not separator or key not in cls.model_fields or key in given:
                raise ConfigError(
                    f"cannot read {pair!r} of the data set {text!r}: write NAME,protocol=open,split=val+test"
                )
            given[key] = value
        return cls(**given)


class ExperimentSettings(_Settings):
    """All settings of an experiment; each experiment uses those that concern it.

    Attributes:
        data: Data sets.
        systems: Systems, as words of `stbir.evaluate.named`, several seeds of one with | between; the first is the one
            that others are compared with.
        noises: Names of noises; None takes all of the drawing and the words.
        severities: Severities of the noises, from 0 to 5.
        noise_seeds: Seeds of the noises; figures are means over them.
        sizes: Sizes of galleries; the whole one is added.
        shares: Shares of the ink, for unfinished drawings.
        num_resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """

    data: tuple[DataSettings, ...] = (DataSettings(name="samples"),)
    systems: tuple[str, ...] = Field(default=("model",), min_length=1)
    noises: tuple[str, ...] | None = None
    severities: tuple[float, ...] = (0, 1, 2, 3, 4, 5)
    noise_seeds: tuple[int, ...] = (0,)
    sizes: tuple[int, ...] = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
    shares: tuple[float, ...] = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    num_resamples: int = Field(default=NUM_RESAMPLES, ge=1)
    seed: int = 0

    @field_validator("data", mode="before")
    @classmethod
    def _parsed_data(cls, value: Any) -> Any:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(DataSettings.parse(item) if isinstance(item, str) else item for item in items)

    @field_validator("severities")
    @classmethod
    def _in_range(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= severity <= MAX_SEVERITY for severity in value):
            raise ValueError(f"severities lie between 0 and {MAX_SEVERITY:g}")
        return tuple(sorted({0.0, *value}))

    @field_validator("shares")
    @classmethod
    def _are_shares(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.2 <= share <= 1 for share in value):
            raise ValueError("shares lie between 0.2, what the noise leaves at its worst, and 1")
        return tuple(sorted({1.0, *value}))


def load_settings(path: str | os.PathLike[str] | None, overrides: dict[str, Any]) -> ExperimentSettings:
    """Settings from a TOML file, with what the command line gives instead.

    Args:
        path: The file; None for defaults.
        overrides: Fields that are given; those that are None are not.

    Returns:
        The settings.

    Raises:
        ConfigError: An unknown field or an unusable value; names it.
    """
    given: dict[str, Any] = {}
    if path is not None:
        content = read_regular_file(path, MAX_CONFIG_BYTES, ConfigError)
        try:
            given = tomllib.loads(content.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{os.fspath(path)} is not TOML: {error}") from None
    given |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return ExperimentSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the settings"
        raise ConfigError(f"{where} of the experiment: {first['msg'].removeprefix('Value error, ')}") from None
