"""The JSON Schema (2020-12) of a rulebook, generated from the models that the compiler reads.

It is for editors: it completes keys, tells what they mean, and marks what no rulebook has. What
ties keys together, and what expressions say, is for `check` alone.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from rules.language.entries import Rulebook

Schema = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Leaves names of classes out; numbers are plain ones, and keys of mappings have their form."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        generated = super().model_schema(schema)
        return {key: value for key, value in generated.items() if key != "title"}

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> Schema:
        number: Schema = super().decimal_schema(schema)["anyOf"][0]
        return number

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        generated = super().dict_schema(schema)
        named = "patternProperties" in generated
        return generated | {"additionalProperties": False} if named else generated


def schema() -> Schema:
    """Return the JSON Schema of a rulebook."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:tierstream:schema:rulebook",
        "title": "A Tierstream rulebook",
    }
    return head | Rulebook.model_json_schema(schema_generator=_Generator)
