"""How settings are declared: once, as a frozen dataclass beside the code that it steers, whose values are checked when
it is made. The same class is a section of params.yaml and an argument of the library's functions."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from foretell.errors import ConfigError

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Level = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]

Settings = TypeVar("Settings")


@dataclass_transform(frozen_default=True)
def settings(cls: type[Settings]) -> type[Settings]:
    """Make `cls` a frozen dataclass that refuses unknown fields, wrong types and impossible values.

    Made in code, such an object raises ConfigError, which names each field that is wrong; inside a pydantic model it is
    validated as a part of that model.
    """
    checked: Any = dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)
    make = checked.__init__
    names = [field.name for field in fields(checked)]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(names):
            raise ConfigError(f"{cls.__name__}: {len(args)} values for {len(names)} fields ({', '.join(names)})")
        try:
            make(self, **dict(zip(names, args, strict=False)), **kwargs)  # by name, so that errors name the field
        except ValidationError as error:
            raise ConfigError(f"{cls.__name__}: {'; '.join(problems(error))}") from None

    checked.__init__ = __init__
    result: type[Settings] = checked
    return result


def problems(error: ValidationError) -> list[str]:
    """What a validation found, one `field.index: message` for each wrong value."""
    return [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
