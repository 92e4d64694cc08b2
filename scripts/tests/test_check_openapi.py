"""What scripts/check-openapi finds: python3 -m unittest discover --start-directory scripts/tests"""

import copy
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from check_openapi import dangling, examples, faults_of_shape, without_example  # noqa: E402

GOOD = {
    "paths": {
        "/v1/users/{id}": {
            "patch": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": "1"},
                    {"name": "filter.role", "in": "query", "schema": {"type": "string", "examples": ["editor"]}},
                ],
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}, "example": {}}}},
                "responses": {"404": {"$ref": "#/components/responses/404.USER_NOT_FOUND"}},
            }
        }
    },
    "components": {
        "schemas": {"User": {"type": "object", "properties": {"choice": {"oneOf": []}}}},
        "responses": {
            "404.USER_NOT_FOUND": {
                "description": "NOT_FOUND/USER_NOT_FOUND",
                "content": {"application/json": {"examples": {"USER_NOT_FOUND": {}}}},
            }
        },
        "examples": {"NOT_FOUND.USER_NOT_FOUND": {"value": {"code": 5}}},
    },
}


class Document(unittest.TestCase):
    def setUp(self):
        self.document = copy.deepcopy(GOOD)
        self.operation = self.document["paths"]["/v1/users/{id}"]["patch"]

    def test_a_good_one_has_no_faults(self):
        self.assertEqual([*dangling(self.document), *faults_of_shape(self.document), *without_example(self.document)], [])

    def test_each_example_is_found(self):
        values = [value for _, _, value in examples(self.document)]
        self.assertEqual(values, [{}, "1", "editor", {"code": 5}])

    def test_missing_examples_are_told(self):
        del self.operation["requestBody"]["content"]["application/json"]["example"]
        del self.operation["parameters"][0]["example"]
        del self.document["components"]["responses"]["404.USER_NOT_FOUND"]["content"]["application/json"]["examples"]
        told = list(without_example(self.document))
        self.assertEqual(len(told), 3, told)

    def test_references_that_lead_nowhere_are_told(self):
        del self.document["components"]["responses"]["404.USER_NOT_FOUND"]
        self.assertEqual(list(dangling(self.document)), ["#/components/responses/404.USER_NOT_FOUND leads nowhere"])

    def test_what_generators_lose_is_told(self):
        self.document["components"]["schemas"]["User"]["oneOf"] = []
        self.operation["parameters"][0]["name"] = "user.id"
        told = list(faults_of_shape(self.document))
        self.assertEqual(len(told), 2, told)


if __name__ == "__main__":
    unittest.main()
