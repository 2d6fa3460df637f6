"""What pydantic finds wrong with a value, in one sentence: of requests, and of options."""

from collections.abc import Mapping
from typing import Any

DUE = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "literal_error": "either {expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of at least {min_length}",
}
"""What is due where pydantic finds an error of a kind, with what it says of its bounds."""


def sentence_about(name: str, value: str, error: Mapping[str, Any]) -> str:
    """One sentence for a wrong value, by an error of pydantic's.

    name: of the field or option; value: as it is shown

    Example:
        >>> sentence_about("--n", "0", {"type": "greater_than_equal", "ctx": {"ge": 1}, "msg": ""})
        '--n is 0; at least 1 is due.'

    """
    if error["type"] in DUE:
        due = DUE[error["type"]].format(**error.get("ctx", {}))
        return f"{name} is {value}; {due} is due."
    message = str(error["msg"])
    return f"{name} is {value}: {message[:1].lower()}{message[1:]}."
