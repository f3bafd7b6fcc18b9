"""Validates YAML files against a JSON Schema with `jsonschema`, which shares no code with the agent.

validate.py SCHEMA FILE...   prints one line a file: its name, and `valid` or the first mistake.
"""

import json
import sys

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
# YAML 1.2, in which `off` is a text.
yaml = YAML(typ="safe", pure=True)
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as file:
        document = yaml.load(file)
    mistakes = sorted(validator.iter_errors(document), key=lambda mistake: list(map(str, mistake.path)))
    print(name, "valid" if not mistakes else f"{mistakes[0].json_path}: {mistakes[0].message}"[:300].replace("\n", " "))
