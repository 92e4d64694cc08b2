"""Prints the ceremonies that the verifiers judge, a line of JSON each, with the rule that it breaks."""

import json

from assertion_mutations import of_assertions
from registration_mutations import of_registrations

for mutations in (of_registrations(), of_assertions()):
    for rule, message in mutations:
        print(json.dumps({"rule": rule} | message.to_case()))
